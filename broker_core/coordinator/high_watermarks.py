"""Up to where partitions can be read: looked up here, or asked of the nodes that lead them.

For the event loop.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import structlog

from broker_core.errors import BrokerError, ErrorCode
from broker_core.log.log_directory import LogDirectory
from broker_core.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from broker_core.replication.cluster_state import ClusterState
from broker_core.replication.replicas import Replicas
from broker_core.replication.siblings import Siblings

log = structlog.get_logger()

Where = tuple[str, int]
_LATEST = -1
_CONSUMER = -1  # the replica id of whoever is none
_VERSION = 7


class HighWatermarks(Protocol):
    """Where the high watermark of any partition is to be learned."""

    async def of(self, partitions: Collection[Where]) -> Mapping[Where, int | None]:
        """Return those of partitions that exist; None for one that nobody can tell just now."""
        ...


class OwnHighWatermarks:
    """Those of a node that is alone: of everything that it holds."""

    def __init__(self, logs: LogDirectory) -> None:
        self._logs = logs

    async def of(self, partitions: Collection[Where]) -> Mapping[Where, int | None]:
        """Look them up, see ``HighWatermarks.of``."""
        held = {where: self._logs.get(*where) for where in partitions}
        return {where: one.high_watermark for where, one in held.items() if one is not None}


class ClusterHighWatermarks:
    """Those of a cluster: a partition's leader knows its own, whoever holds a copy only later."""

    def __init__(
        self,
        replicas: Replicas,
        siblings: Siblings,
        state: Callable[[], ClusterState],
        *,
        node_id: int,
    ) -> None:
        self._replicas = replicas
        self._siblings = siblings
        self._state = state
        self._node_id = node_id

    async def of(self, partitions: Collection[Where]) -> Mapping[Where, int | None]:
        """Ask every leader once, see ``HighWatermarks.of``."""
        state = self._state()
        known: dict[Where, int | None] = {
            where: None for where in partitions if state.partition(*where) is not None
        }
        answers = await asyncio.gather(
            *(self._ask(leader, led) for leader, led in state.by_leader(known).items())
        )
        for answer in answers:
            known.update(answer)
        return known

    async def _ask(self, leader: int, partitions: Sequence[Where]) -> Mapping[Where, int]:
        try:
            if leader == self._node_id:
                return {
                    where: self._replicas.leading(*where).log.high_watermark for where in partitions
                }
            answer: ListOffsetsResponse = await self._siblings.ask(
                leader, _request(partitions), _VERSION
            )
        except BrokerError as error:
            log.debug("high_watermarks_unknown", leader=leader, reason=str(error))
            return {}
        return {
            (topic.name, one.partition_index): one.offset
            for topic in answer.topics
            for one in topic.partitions
            if one.error_code == ErrorCode.NONE
        }


def _request(partitions: Sequence[Where]) -> ListOffsetsRequest:
    topics: dict[str, list[ListOffsetsPartition]] = {}
    for topic, index in partitions:
        asked = ListOffsetsPartition(partition_index=index, timestamp=_LATEST)
        topics.setdefault(topic, []).append(asked)
    return ListOffsetsRequest(
        replica_id=_CONSUMER,
        topics=tuple(
            ListOffsetsTopic(name=name, partitions=tuple(asked)) for name, asked in topics.items()
        ),
    )
