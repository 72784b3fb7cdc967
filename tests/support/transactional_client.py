"""A transactional producer in bare requests: it follows coordinators and leaders, and asks again.

What the broker says may be tried again it tries again; anything else is an assertion, or the code
that was to be expected.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from broker_core.error_codes import ErrorCode
from broker_core.errors import BrokerError
from broker_core.protocol.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from broker_core.protocol.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
)
from broker_core.protocol.messages.end_txn import EndTxnRequest
from broker_core.protocol.messages.find_coordinator import FindCoordinatorRequest
from broker_core.protocol.messages.init_producer_id import InitProducerIdRequest
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from broker_core.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from broker_core.protocol.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from broker_core.replication.peer import Peer
from tests.support.cluster_in_process import SECONDS, InProcessCluster
from tests.support.partition import batch

GROUP, TRANSACTION = 0, 1


class TransactionalClient:
    """One incarnation of a producer.

    Attributes:
        producer_id, epoch: Who it is, once it has begun.
    """

    def __init__(self, cluster: InProcessCluster, transactional_id: str) -> None:
        self._cluster = cluster
        self.transactional_id = transactional_id
        self.producer_id = self.epoch = -1
        self._sequences: dict[tuple[str, int], int] = {}

    async def begin(self, *, timeout_ms: int = 60_000) -> None:
        """Become the newest incarnation."""
        request = InitProducerIdRequest(
            transactional_id=self.transactional_id, transaction_timeout_ms=timeout_ms
        )
        answer = await self._coordinated(request, 4, lambda it: it.error_code)
        assert answer.error_code == ErrorCode.NONE
        self.producer_id, self.epoch = answer.producer_id, answer.producer_epoch
        self._sequences = {}

    async def add(self, topic: str, *partitions: int) -> int:
        """Say that the transaction writes to partitions; return the error code."""
        request = AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=self.transactional_id,
            v3_and_below_producer_id=self.producer_id,
            v3_and_below_producer_epoch=self.epoch,
            v3_and_below_topics=(AddPartitionsToTxnTopic(name=topic, partitions=partitions),),
        )

        def code(answer: Any) -> int:
            found = answer.results_by_topic_v3_and_below[0].results_by_partition[0]
            return int(found.partition_error_code)

        return code(await self._coordinated(request, 3, code))

    async def send(self, topic: str, partition: int, value: bytes) -> int:
        """Produce one record in the transaction; return the error code."""
        key = topic, partition
        sequence = self._sequences.get(key, 0)
        records = batch(
            value,
            producer_id=self.producer_id,
            epoch=self.epoch,
            sequence=sequence,
            transactional=True,
        )
        data = PartitionProduceData(index=partition, records=records)
        request = ProduceRequest(
            transactional_id=self.transactional_id,
            acks=-1,
            timeout_ms=SECONDS * 1000,
            topic_data=(TopicProduceData(name=topic, partition_data=(data,)),),
        )

        async def leader() -> int:
            known = self._state().partition(topic, partition)
            return -1 if known is None else known.leader

        def code(answer: Any) -> int:
            return int(answer.responses[0].partition_responses[0].error_code)

        found = code(await self._asked(leader, request, 9, code))
        if found == ErrorCode.NONE:
            self._sequences[key] = sequence + 1
        return found

    async def write(self, topic: str, values: dict[int, bytes]) -> None:
        """Add partitions and produce a record to each."""
        assert await self.add(topic, *values) == ErrorCode.NONE
        for partition, value in values.items():
            assert await self.send(topic, partition, value) == ErrorCode.NONE

    async def end(self, *, committed: bool) -> int:
        """Commit or abort; return the error code."""
        request = EndTxnRequest(
            transactional_id=self.transactional_id,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            committed=committed,
        )
        answer = await self._coordinated(request, 3, lambda it: it.error_code)
        return int(answer.error_code)

    async def add_group(self, group: str) -> int:
        """Say that the transaction commits offsets of a group; return the error code."""
        request = AddOffsetsToTxnRequest(
            transactional_id=self.transactional_id,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            group_id=group,
        )
        answer = await self._coordinated(request, 3, lambda it: it.error_code)
        return int(answer.error_code)

    async def commit_offset(self, group: str, topic: str, offset: int) -> int:
        """Commit an offset of partition 0 in the transaction; return the error code."""
        partition = TxnOffsetCommitRequestPartition(
            partition_index=0, committed_offset=offset, committed_metadata=""
        )
        request = TxnOffsetCommitRequest(
            transactional_id=self.transactional_id,
            group_id=group,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            topics=(TxnOffsetCommitRequestTopic(name=topic, partitions=(partition,)),),
        )

        def code(answer: Any) -> int:
            return int(answer.topics[0].partitions[0].error_code)

        return code(await self._asked(lambda: self.coordinator(group, GROUP), request, 3, code))

    async def committed_offset(self, group: str, topic: str) -> int:
        """The offset that a group has committed for partition 0; -1: none."""
        topics = (OffsetFetchRequestTopics(name=topic, partition_indexes=(0,)),)
        request = OffsetFetchRequest(
            groups=(OffsetFetchRequestGroup(group_id=group, topics=topics),), require_stable=True
        )

        def code(answer: Any) -> int:
            (found,) = answer.groups
            if found.error_code:
                return int(found.error_code)
            return int(found.topics[0].partitions[0].error_code)

        answer = await self._asked(lambda: self.coordinator(group, GROUP), request, 8, code)
        assert code(answer) == ErrorCode.NONE
        return int(answer.groups[0].topics[0].partitions[0].committed_offset)

    async def coordinator(self, key: str = "", key_type: int = TRANSACTION) -> int:
        """Who coordinates the transactional id, or a group; -1 if nobody is known to."""
        request = FindCoordinatorRequest(
            coordinator_keys=(key or self.transactional_id,), key_type=key_type
        )
        node_id = next(iter(self._cluster.brokers))
        found = (await self._ask(node_id, request, 4)).coordinators[0]
        return -1 if found.error_code else int(found.node_id)

    # -- asking

    def _state(self) -> Any:
        return self._cluster.node(next(iter(self._cluster.brokers))).link.state

    async def _coordinated(self, request: object, version: int, code: Callable[[Any], int]) -> Any:
        return await self._asked(self.coordinator, request, version, code)

    async def _asked(
        self, place: Callable[[], Any], request: object, version: int, code: Callable[[Any], int]
    ) -> Any:
        """Ask whoever is in place, until the answer is not to try again."""
        async with asyncio.timeout(SECONDS):
            while True:
                node_id = await place()
                try:
                    if node_id in self._cluster.brokers:
                        answer = await self._ask(node_id, request, version)
                        if not ErrorCode(code(answer)).is_retriable:
                            return answer
                except BrokerError:  # the node has just gone
                    pass
                await asyncio.sleep(0.02)

    async def _ask(self, node_id: int, request: object, version: int) -> Any:
        port = self._cluster.brokers[node_id].port
        peer = await Peer.connect("127.0.0.1", port, credentials=None, client_id="test")
        try:
            return await peer.send(request, version, timeout_seconds=SECONDS)
        finally:
            await peer.close()
