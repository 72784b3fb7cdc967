"""Committed offsets as records of the compacted topic ``__consumer_offsets``.

An offset is on disk before its commit is answered, and only then can it be fetched; one that was
committed in a transaction, once that is committed (:mod:`broker_core.coordinator.pending_offsets`).
A partition of the topic is read from its beginning by the node that begins to lead it. For the
event loop, except :meth:`OffsetStore.open`.

Left out: offsets do not expire; they go with their group or their topic.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

import structlog

from broker_core.clock import Clock
from broker_core.coordinator.consumer_group_journal import ConsumerGroupJournal
from broker_core.coordinator.offset_records import (
    CommittedOffset,
    OffsetKey,
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from broker_core.coordinator.pending_offsets import PendingOffset, PendingOffsets
from broker_core.coordinator.shards import INTERNAL_CONFIG, OwnShards, Shards, shard_of
from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.errors import (
    BrokerError,
    CoordinatorNotAvailable,
    CorruptMessage,
    ErrorCode,
    StorageError,
)
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.protocol.control_record import decode_marker
from broker_core.protocol.record_batch import (
    BatchHeader,
    Record,
    build_batch,
    read_batches,
    read_records,
)
from broker_core.replication.replica import Replica
from broker_core.replication.replicas import Replicas

log = structlog.get_logger()

TopicPartition = tuple[str, int]

_READ_BYTES = 256 << 10
_RECORDS_PER_BATCH = 1000
_BATCH_BYTES = 512 << 10


class Appended(NamedTuple):
    """Where records end that were appended."""

    replica: Replica
    end_offset: int


class OffsetStore:
    """How far every group has read.

    Attributes:
        journal: What else the topic holds: the consumer groups of the new protocol.
    """

    def __init__(self, shards: Shards, clock: Clock) -> None:
        self._shards = shards
        self._clock = clock
        self._offsets: dict[str, dict[TopicPartition, CommittedOffset]] = {}
        self._written_at: dict[OffsetKey, int] = {}
        self._pending = PendingOffsets()
        self.journal = ConsumerGroupJournal()

    @classmethod
    def open(
        cls, logs: LogDirectory, commit: GroupCommit, clock: Clock, *, partitions: int
    ) -> "OffsetStore":
        """Make the topic of a node that is alone if need be, and read it; blocks.

        Args:
            partitions: How many it gets when it is made; later its own number stands.
        """
        topic = logs.topics().get(CONSUMER_OFFSETS)
        if topic is None:
            topic = logs.create_topic(CONSUMER_OFFSETS, partitions, INTERNAL_CONFIG)
        shards = OwnShards(CONSUMER_OFFSETS, Replicas(logs, commit), topic.partitions)
        store = cls(shards, clock)
        for shard in range(shards.count):
            for _ in store._restore(shards.replica(shard)):
                pass
        return store

    @property
    def groups(self) -> Sequence[str]:
        """Every group that has committed something."""
        return tuple(self._offsets)

    def of(self, group: str) -> Mapping[TopicPartition, CommittedOffset]:
        """What a group has committed, by (topic, partition)."""
        return self._offsets.get(group, {})

    async def commit(self, group: str, offsets: Mapping[TopicPartition, CommittedOffset]) -> None:
        """Remember offsets; they are on disk when this returns.

        Raises:
            StorageError: They are not.
        """
        written_at = await self._write(group, offsets)
        for (key, log_offset), committed in zip(written_at.items(), offsets.values(), strict=True):
            if log_offset > self._written_at.get(key, -1):
                self._apply(key, committed, log_offset)

    async def commit_in_transaction(
        self,
        group: str,
        producer: ProducerIdentity,
        offsets: Mapping[TopicPartition, CommittedOffset],
    ) -> None:
        """Remember offsets for when the producer's transaction is committed; on disk likewise.

        Raises:
            InvalidProducerEpoch: The producer is fenced.
            StorageError: They are not.
        """
        await self._write(group, offsets, producer)

    def shard_of(self, group: str) -> int:
        """The partition that remembers a group.

        Raises:
            CoordinatorNotAvailable: There is none here.
        """
        if not self._shards.count:
            raise CoordinatorNotAvailable(f"{CONSUMER_OFFSETS} is not there")
        return shard_of(group, self._shards.count)

    def refusal(self, group: str) -> ErrorCode:
        """Why this node does not answer for a group; NONE if it does."""
        try:
            self._shards.replica(self.shard_of(group))
        except BrokerError as error:
            return error.code
        return ErrorCode.NONE

    async def load(self, replica: Replica) -> None:
        """Read a partition that this node leads from now on, in pieces.

        Raises:
            BrokerError: It cannot be read.
        """
        self.unload(replica.log.partition)
        for _ in self._restore(replica):
            await asyncio.sleep(0)

    def unload(self, shard: int) -> None:
        """Forget the groups of a partition."""
        for group in [each for each in self._offsets if self.shard_of(each) == shard]:
            for topic, partition in self._offsets.pop(group):
                self._written_at.pop(OffsetKey(group, topic, partition), None)
        self._pending.unload(shard)
        self.journal.forget(lambda group: self.shard_of(group) == shard)

    def unsettled(self, group: str) -> Set[TopicPartition]:
        """The partitions for which a transaction that has not ended has committed an offset."""
        return self._pending.of_group(group)

    def end_transaction(self, shard: int, producer_id: int, *, committed: bool) -> None:
        """Let the offsets of a transaction count, or not; its marker is in that partition."""
        for offset in self._pending.end(shard, producer_id):
            if committed and offset.log_offset > self._written_at.get(offset.key, -1):
                self._apply(offset.key, offset.committed, offset.log_offset)

    async def forget(self, group: str, partitions: Sequence[TopicPartition]) -> None:
        """Forget offsets; that is on disk when this returns.

        Raises:
            StorageError: It is not.
        """
        known = self._offsets.get(group, {})
        gone = [partition for partition in partitions if partition in known]
        await self._write(group, dict.fromkeys(gone))
        for partition in gone:
            self._apply(OffsetKey(group, *partition), None, -1)

    def append(
        self, group: str, records: Sequence[tuple[bytes, bytes | None]]
    ) -> Iterator[Appended]:
        """Append records of a group that are no offsets, batch by batch; the last is waited for.

        Raises:
            BrokerError: The others are not written.
        """
        replica = self._shards.replica(self.shard_of(group))
        now_ms = self._clock.now_ms()
        for batch in _batches(records):
            whole = [Record(number, now_ms, *each) for number, each in enumerate(batch)]
            end = replica.append(build_batch(whole)).last_offset + 1
            self.journal.note(batch)
            yield Appended(replica, end)

    async def _write(
        self,
        group: str,
        offsets: Mapping[TopicPartition, CommittedOffset | None],
        producer: ProducerIdentity | None = None,
    ) -> Mapping[OffsetKey, int]:
        """Append offsets and wait for the disk; return where the records lie."""
        shard = self.shard_of(group)
        replica = self._shards.replica(shard)
        now_ms = self._clock.now_ms()
        records = [
            Record(
                number % _RECORDS_PER_BATCH,
                now_ms,
                encode_key(OffsetKey(group, *topic_partition)),
                None if committed is None else encode_value(committed),
            )
            for number, (topic_partition, committed) in enumerate(offsets.items())
        ]
        written_at: dict[OffsetKey, int] = {}
        keys = [OffsetKey(group, *topic_partition) for topic_partition in offsets]
        for start in range(0, len(records), _RECORDS_PER_BATCH):
            some = records[start : start + _RECORDS_PER_BATCH]
            result = replica.append(_batch(some, producer), sequenced=producer is None)
            for number, key in enumerate(keys[start : start + _RECORDS_PER_BATCH]):
                written_at[key] = result.base_offset + number
        if producer is not None:
            for (key, log_offset), committed in zip(
                written_at.items(), offsets.values(), strict=True
            ):
                assert committed is not None, "a transaction forgets nothing"
                pending = PendingOffset(key, committed, log_offset)
                self._pending.add(shard, producer.producer_id, pending)
        if records:
            await replica.acknowledged(result.last_offset + 1)
        return written_at

    def _restore(self, replica: Replica) -> Iterator[None]:
        """Read a partition from its beginning; yields between two pieces."""
        offset = replica.log.log_start_offset
        while offset < replica.readable_end:
            yield
            data = replica.read_own(offset, _READ_BYTES)
            if not data:
                raise StorageError(f"{CONSUMER_OFFSETS} cannot be read at offset {offset}")
            for start, header in read_batches(data):
                self._restore_batch(
                    replica.log.partition, header, data[start : start + header.size]
                )
                offset = header.last_offset + 1

    def _restore_batch(self, shard: int, header: BatchHeader, batch: bytes) -> None:
        if header.is_control:
            marker = decode_marker(batch, header.producer_id, header.producer_epoch)
            self.end_transaction(shard, header.producer_id, committed=marker.committed)
            return
        for record in read_records(batch):
            self._restore_record(shard, header, record)

    def _restore_record(self, shard: int, header: BatchHeader, record: Record) -> None:
        try:
            if self.journal.restore(record.key or b"", record.value):
                return
            key = decode_key(record.key or b"")
            committed = None if record.value is None else decode_value(record.value)
        except CorruptMessage as error:
            log.error("committed_offset_unreadable", offset=record.offset, error=str(error))
            return
        if header.is_transactional and committed is not None:
            pending = PendingOffset(key, committed, record.offset)
            self._pending.add(shard, header.producer_id, pending)
        else:
            self._apply(key, committed, record.offset)

    def _apply(self, key: OffsetKey, committed: CommittedOffset | None, log_offset: int) -> None:
        """Let an offset count from now on, or (None) be forgotten."""
        partition = key.topic, key.partition
        if committed is not None:
            self._offsets.setdefault(key.group, {})[partition] = committed
            self._written_at[key] = log_offset
            return
        self._pending.forget(key)
        self._written_at.pop(key, None)
        offsets = self._offsets.get(key.group, {})
        offsets.pop(partition, None)
        if not offsets:
            self._offsets.pop(key.group, None)


def _batches(
    records: Sequence[tuple[bytes, bytes | None]],
) -> Iterator[Sequence[tuple[bytes, bytes | None]]]:
    """Cut records into batches of a size that any log takes."""
    batch: list[tuple[bytes, bytes | None]] = []
    size = 0
    for key, value in records:
        size += len(key) + len(value or b"")
        if batch and (size > _BATCH_BYTES or len(batch) == _RECORDS_PER_BATCH):
            yield batch
            batch, size = [], len(key) + len(value or b"")
        batch.append((key, value))
    if batch:
        yield batch


def _batch(records: Sequence[Record], producer: ProducerIdentity | None) -> bytes:
    if producer is None:
        return build_batch(records)
    return build_batch(
        records,
        producer_id=producer.producer_id,
        producer_epoch=producer.epoch,
        transactional=True,
    )
