"""The clients of the growth benchmark: many members of many groups, and a producer that stamps.

All of them are coroutines of one process, over the product's own small client, so that hundreds of
connections cost the machine little beside the broker.
"""

import asyncio
import random
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from broker_core.protocol.messages.fetch import FetchRequest
from broker_core.protocol.messages.heartbeat import HeartbeatRequest
from broker_core.protocol.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from broker_core.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from broker_core.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from broker_core.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from broker_core.protocol.messages.sync_group import SyncGroupRequest
from broker_core.protocol.record_batch import Record, build_batch, read_batches, read_records
from broker_core.replication.peer import Peer
from broker_core.replication.session_client import Position, SessionClient

CALL_SECONDS = 120.0
_STAMP = struct.Struct(">d")
_LATEST = -1
_SESSION_MS = 60_000
_WAIT_MS = 2_000


@dataclass(slots=True)
class Seen:
    """What all members have seen together."""

    delays: list[float] = field(default_factory=list)
    fetches: int = 0
    members: int = 0


async def call(peer: Peer, request: object, version: int) -> Any:
    """Send a request and return its answer."""
    return await peer.send(request, version, timeout_seconds=CALL_SECONDS)


async def connect(address: str, name: str) -> Peer:
    """Connect to a broker that is open to anyone."""
    host, port = address.rsplit(":", 1)
    return await Peer.connect(host, int(port), credentials=None, client_id=name)


class Member:
    """One member of one group: joins, commits, and reads its partitions from their ends on."""

    def __init__(self, address: str, group: str, topic: str, partitions: Sequence[int]) -> None:
        self._address = address
        self._group = group
        self._topic = topic
        self._partitions = partitions
        self._offsets: dict[int, int] = {}

    async def run(self, seen: Seen) -> None:
        """Until cancelled."""
        peer = await connect(self._address, self._group)
        coordinator = await connect(self._address, self._group)
        try:
            self._offsets = await self._ends(peer)
            alive = asyncio.create_task(self._stay(coordinator, seen))
            try:
                await self._read(peer, seen)
            finally:
                alive.cancel()
        finally:
            await peer.close()
            await coordinator.close()

    async def _ends(self, peer: Peer) -> dict[int, int]:
        partitions = tuple(
            ListOffsetsPartition(partition_index=index, timestamp=_LATEST)
            for index in self._partitions
        )
        topics = (ListOffsetsTopic(name=self._topic, partitions=partitions),)
        answer = await call(peer, ListOffsetsRequest(replica_id=-1, topics=topics), 4)
        return {each.partition_index: each.offset for each in answer.topics[0].partitions}

    async def _stay(self, peer: Peer, seen: Seen) -> None:
        """Join the group, then beat and commit."""
        protocol = JoinGroupRequestProtocol(name="bench", metadata=b"")
        member_id = ""
        while True:
            joined = await call(
                peer,
                JoinGroupRequest(
                    group_id=self._group,
                    session_timeout_ms=_SESSION_MS,
                    rebalance_timeout_ms=_SESSION_MS,
                    member_id=member_id,
                    protocol_type="bench",
                    protocols=(protocol,),
                ),
                3,
            )
            member_id, generation = joined.member_id, joined.generation_id
            wanted = SyncGroupRequest(
                group_id=self._group, generation_id=generation, member_id=member_id, assignments=()
            )
            synced = await call(peer, wanted, 2)
            if joined.error_code == 0 and synced.error_code == 0:
                seen.members += 1
                await self._beat(peer, generation, member_id)
                seen.members -= 1

    async def _beat(self, peer: Peer, generation: int, member_id: str) -> None:
        """Until the group rebalances."""
        beat = HeartbeatRequest(group_id=self._group, generation_id=generation, member_id=member_id)
        while (await call(peer, beat, 2)).error_code == 0:
            await asyncio.sleep(2 + random.random() * 2)  # spreads the load
            topic = OffsetCommitRequestTopic(
                name=self._topic,
                partitions=tuple(
                    OffsetCommitRequestPartition(
                        partition_index=index, committed_offset=offset, committed_metadata=""
                    )
                    for index, offset in self._offsets.items()
                ),
            )
            commit = OffsetCommitRequest(
                group_id=self._group,
                generation_id_or_member_epoch=generation,
                member_id=member_id,
                topics=(topic,),
            )
            await call(peer, commit, 5)

    async def _read(self, peer: Peer, seen: Seen) -> None:
        session = SessionClient(partition_max_bytes=1 << 20)
        wanted = {
            (self._topic, index): Position(-1, offset, -1, -1)
            for index, offset in self._offsets.items()
        }
        while True:
            said = session.say(dict(wanted))
            request = FetchRequest(
                max_wait_ms=_WAIT_MS,
                min_bytes=1,
                session_id=said.session_id,
                session_epoch=said.session_epoch,
                topics=said.topics,
                forgotten_topics_data=said.forgotten,
            )
            answer = await call(peer, request, 11)
            now = time.monotonic()
            seen.fetches += 1
            session.heard(answer.error_code, answer.session_id)
            for topic in answer.responses:
                for data in topic.partitions:
                    self._take(data, now, seen)
                    end = self._offsets[data.partition_index]
                    wanted[self._topic, data.partition_index] = Position(-1, end, -1, -1)

    def _take(self, data: Any, now: float, seen: Seen) -> None:
        assert data.error_code == 0, data.error_code
        records = bytes(data.records or b"")
        for start, header in read_batches(records) if records else ():
            for record in read_records(records, start):
                if record.offset >= self._offsets[data.partition_index]:
                    (sent,) = _STAMP.unpack_from(record.value or b"")
                    seen.delays.append(now - sent)
            self._offsets[data.partition_index] = header.last_offset + 1


async def produce(address: str, topic: str, partitions: int, *, rate: int, seconds: float) -> int:
    """Send single records on time, each to a partition at random; return how many."""
    peers = [await connect(address, "producer") for _ in range(4)]
    sending: set[asyncio.Task[Any]] = set()
    started = time.monotonic()
    total = int(rate * seconds)
    for number in range(total):
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        value = _STAMP.pack(time.monotonic()) + bytes(192)
        record = Record(0, int(time.time() * 1000), None, value)
        data = PartitionProduceData(
            index=random.randrange(partitions),
            records=build_batch([record]),
        )
        request = ProduceRequest(
            acks=-1,
            timeout_ms=30_000,
            topic_data=(TopicProduceData(name=topic, partition_data=(data,)),),
        )
        task = asyncio.create_task(call(peers[number % len(peers)], request, 7))
        sending.add(task)
        task.add_done_callback(sending.discard)
    await asyncio.gather(*sending)
    for peer in peers:
        await peer.close()
    return total
