"""Committed offsets as records of the compacted topic ``__consumer_offsets``.

An offset is on disk before its commit is answered, and only then can it be fetched. At start the
topic is read from its beginning. For the event loop, except :meth:`OffsetStore.open`.

Left out: offsets do not expire; they go with their group or their topic.
"""

from collections.abc import Mapping, Sequence

import structlog

from broker_core.clock import Clock
from broker_core.coordinator.offset_records import (
    CommittedOffset,
    OffsetKey,
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from broker_core.coordinator.shards import shard_of
from broker_core.errors import CorruptMessage, StorageError
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.record_batch import Record, build_batch, read_batches, read_records

log = structlog.get_logger()

TopicPartition = tuple[str, int]

_TOPIC_CONFIG = {"cleanup.policy": "compact", "segment.bytes": str(16 << 20)}
_READ_BYTES = 1 << 20
_RECORDS_PER_BATCH = 1000


class OffsetStore:
    """How far every group has read."""

    def __init__(
        self, partitions: Sequence[PartitionLog], commit: GroupCommit, clock: Clock
    ) -> None:
        self._partitions = partitions
        self._commit = commit
        self._clock = clock
        self._offsets: dict[str, dict[TopicPartition, CommittedOffset]] = {}
        for partition in partitions:
            self._restore(partition)

    @classmethod
    def open(
        cls, logs: LogDirectory, commit: GroupCommit, clock: Clock, *, partitions: int
    ) -> "OffsetStore":
        """Make the topic if need be and read it; blocks.

        Args:
            partitions: How many it gets when it is made; later its own number stands.
        """
        topic = logs.topics().get(CONSUMER_OFFSETS)
        if topic is None:
            topic = logs.create_topic(CONSUMER_OFFSETS, partitions, _TOPIC_CONFIG)
        found = [logs.get(CONSUMER_OFFSETS, number) for number in range(topic.partitions)]
        return cls([one for one in found if one is not None], commit, clock)

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
        await self._write(group, offsets)
        self._offsets.setdefault(group, {}).update(offsets)

    async def forget(self, group: str, partitions: Sequence[TopicPartition]) -> None:
        """Forget offsets; that is on disk when this returns.

        Raises:
            StorageError: It is not.
        """
        known = self._offsets.get(group, {})
        gone = [partition for partition in partitions if partition in known]
        await self._write(group, dict.fromkeys(gone))
        for partition in gone:
            known.pop(partition, None)
        if not known:
            self._offsets.pop(group, None)

    async def _write(
        self, group: str, offsets: Mapping[TopicPartition, CommittedOffset | None]
    ) -> None:
        partition = self._partitions[shard_of(group, len(self._partitions))]
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
        for start in range(0, len(records), _RECORDS_PER_BATCH):
            partition.append(build_batch(records[start : start + _RECORDS_PER_BATCH]))
        if records:
            await self._commit.durable(partition, partition.end_offset)

    def _restore(self, partition: PartitionLog) -> None:
        offset = partition.log_start_offset
        while offset < partition.high_watermark:
            data = partition.read(offset, _READ_BYTES)
            if not data:
                raise StorageError(f"{CONSUMER_OFFSETS} cannot be read at offset {offset}")
            for start, header in read_batches(data):
                for record in read_records(data, start):
                    self._restore_record(record)
                offset = header.last_offset + 1

    def _restore_record(self, record: Record) -> None:
        try:
            key = decode_key(record.key or b"")
            committed = None if record.value is None else decode_value(record.value)
        except CorruptMessage as error:
            log.error("committed_offset_unreadable", offset=record.offset, error=str(error))
            return
        offsets = self._offsets.setdefault(key.group, {})
        if committed is not None:
            offsets[key.topic, key.partition] = committed
            return
        offsets.pop((key.topic, key.partition), None)
        if not offsets:
            del self._offsets[key.group]
