"""The background task that removes old segments and compacts (Kafka's LogCleaner and retention).

What to do is decided by :mod:`broker_core.log.retention` and :mod:`broker_core.log.compaction`;
here it is done, one partition after the other. A copy loses what its leader's log has lost, and
nothing by its own age and size. Deciding and swapping happen on the loop, reading, writing and
removing files in a thread.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import ParamSpec, TypeVar

import structlog

from broker_core.clock import Clock
from broker_core.errors import BrokerError
from broker_core.log import compaction, retention
from broker_core.log.checkpoint import replace_file, sync_directory
from broker_core.log.compacted_transactions import CompactedTransactions
from broker_core.log.compaction import SealedFile
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.log.recovery import install_swap
from broker_core.log.segment import Segment
from broker_core.log.time_index import NO_TIMESTAMP
from broker_core.metrics import LOG_BYTES_COMPACTED, LOG_SEGMENTS_DELETED

log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")


class LogCleaner:
    """Keeps every log of a directory as small as its topic says."""

    def __init__(self, logs: LogDirectory, commit: GroupCommit, clock: Clock) -> None:
        self._logs = logs
        self._commit = commit
        self._clock = clock
        self._compacted_until: dict[PartitionLog, int] = {}

    async def run(self) -> None:
        """Clean every ``retention_interval`` until cancelled."""
        interval = self._logs.settings.retention_interval.total_seconds()
        while True:
            await asyncio.sleep(interval)
            await self.clean_all()

    async def clean_all(self) -> None:
        """Look at every partition once; one that fails does not keep the others from it."""
        for partition in list(self._logs.partitions().values()):
            try:
                await self.clean(partition)
            except (BrokerError, OSError) as error:
                if not partition.is_deleted:
                    log.warning(
                        "log_cleaning_failed", partition=partition.directory.name, error=str(error)
                    )
        alive = set(self._logs.partitions().values())
        for gone in self._compacted_until.keys() - alive:
            del self._compacted_until[gone]

    async def clean(self, partition: PartitionLog) -> None:
        """Seal what is old enough, remove what may go, compact what should be.

        Raises:
            StorageError, OSError: The disk refused; the log is as it was, or smaller.
        """
        if partition.is_active_aged:
            await self.seal(partition)
        partition.expire_producers()
        await self._remove_old(partition)
        if partition.config.is_compacted:
            await self._compact(partition)

    async def _remove_old(self, partition: PartitionLog) -> None:
        if partition.is_copy:
            await self.remove_below_start(partition, reason="leader")
            return
        removal = retention.decide(
            [
                retention.SealedSegment(segment.next_offset, segment.size, newest_ms(segment))
                for segment in partition.durable_sealed
            ],
            active_bytes=partition.segments[-1].size,
            config=partition.config,
            now_ms=self._clock.now_ms(),
        )
        if removal.log_start_offset is not None:
            partition.truncate_before(removal.log_start_offset)
        gone = await self._remove_segments(partition)
        if gone:
            LOG_SEGMENTS_DELETED.labels("age").inc(removal.by_age)
            LOG_SEGMENTS_DELETED.labels("size").inc(removal.by_size)
            asked = gone - removal.by_age - removal.by_size
            LOG_SEGMENTS_DELETED.labels("deleted_records").inc(max(0, asked))

    async def remove_before(self, partition: PartitionLog, offset: int, *, reason: str) -> None:
        """Let a partition that is not compacted start at ``offset``, and remove what lies before.

        Args:
            reason: For the metric.

        Raises:
            StorageError, OSError, OffsetOutOfRange: It is as it was, or smaller.
        """
        partition.truncate_before(offset)
        await self.remove_below_start(partition, reason=reason)

    async def remove_below_start(self, partition: PartitionLog, *, reason: str) -> None:
        """Remove what lies before the start of a partition's log; all of a copy, if all of it does.

        Args:
            reason: For the metric.

        Raises:
            StorageError, OSError: It is as it was, or smaller.
        """
        start = partition.log_start_offset
        if partition.is_copy and start == partition.end_offset:
            partition.roll()  # its leader has sealed what it wrote to, and removed it
        if len(partition.segments) > 1 and partition.segments[0].next_offset <= start:
            LOG_SEGMENTS_DELETED.labels(reason).inc(await self._remove_segments(partition))

    async def seal(self, partition: PartitionLog) -> None:
        """Begin a new segment, so that the one that is written to may go.

        Raises:
            StorageError: The disk refused.
        """
        partition.roll()
        await self._commit.flush(partition)

    async def _remove_segments(self, partition: PartitionLog) -> int:
        """Remove sealed segments below the log start; return how many."""
        if partition.needs_flush:
            await self._commit.flush(partition)
        gone = partition.detach_below_start()
        if gone:
            await _in_thread(_remove_files, gone)
            log.info(
                "log_segments_removed",
                partition=partition.directory.name,
                segments=len(gone),
                log_start_offset=partition.log_start_offset,
            )
        return len(gone)

    def _compactable(self, partition: PartitionLog) -> Sequence[Segment]:
        """Sealed segments without open transactions and older than ``min.compaction.lag.ms``."""
        stable, lag_ms = partition.last_stable_offset, partition.config.min_compaction_lag_ms
        newest = self._clock.now_ms() - lag_ms

        def may_be_compacted(segment: Segment) -> bool:
            is_old = lag_ms == 0 or newest_ms(segment) <= newest
            return segment.next_offset <= stable and is_old

        return list(takewhile(may_be_compacted, partition.durable_sealed))

    def _is_worth_compacting(self, partition: PartitionLog, sealed: Sequence[Segment]) -> bool:
        """Whether enough of it is new, or something is overdue (``max.compaction.lag.ms``)."""
        done_until = self._compacted_until.get(partition, 0)
        dirty = [one for one in sealed if one.next_offset > done_until and one.size]
        if not dirty:
            return False
        wanted = partition.config.min_cleanable_dirty_ratio * sum(one.size for one in sealed)
        if sum(one.size for one in dirty) >= wanted:
            return True
        overdue_ms = self._clock.now_ms() - partition.config.max_compaction_lag_ms
        return overdue_ms > 0 and oldest_ms(dirty[0]) <= overdue_ms

    async def _compact(self, partition: PartitionLog) -> None:
        sealed = self._compactable(partition)
        if not self._is_worth_compacting(partition, sealed):
            return
        files = [SealedFile(one.path, one.base_offset, one.next_offset, one.size) for one in sealed]
        aborted = partition.aborted_below(sealed[-1].next_offset)
        last = await _in_thread(compaction.last_offsets, files, aborted)
        transactions = CompactedTransactions(aborted)
        horizon_ms = self._clock.now_ms() - partition.config.delete_retention_ms
        keep_from = _last_batch_offset(sealed)
        for group in compaction.groups(files, segment_bytes=partition.config.segment_bytes):
            rewritten = await _in_thread(
                compaction.rewrite,
                group,
                last,
                transactions,
                keep_from=keep_from,
                tombstones_before_ms=horizon_ms,
                interval_bytes=self._logs.settings.index_interval_bytes,
            )
            if rewritten is not None and not partition.is_deleted:
                await self._swap(partition, group, rewritten)
        self._compacted_until[partition] = files[-1].next_offset

    async def _swap(
        self, partition: PartitionLog, group: Sequence[SealedFile], new: compaction.Rewritten
    ) -> None:
        bases = {file.base_offset for file in group}
        old = [one for one in partition.durable_sealed if one.base_offset in bases]
        segment = partition.replace(
            old,
            new.base_offset,
            next_offset=new.next_offset,
            size=new.size,
            indexes=new.indexes,
            aborted=new.aborted,
        )
        try:
            install_swap(partition.directory, new.swap)
        except OSError as error:
            self._logs.fault.set(f"{new.swap}: {error}")
            raise
        LOG_BYTES_COMPACTED.inc(sum(file.size for file in group) - new.size)
        await _in_thread(_write_indexes, segment)


async def _in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run in a thread; when cancelled, let it finish first: the directory is closed after us."""
    working = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


def newest_ms(segment: Segment) -> int:
    """When a segment's newest record happened, but no later than it was written."""
    written_ms = segment.path.stat().st_mtime_ns // 1_000_000
    newest_ms = segment.max_timestamp
    return written_ms if newest_ms == NO_TIMESTAMP else min(newest_ms, written_ms)


def oldest_ms(segment: Segment) -> int:
    """When a segment's first record happened, but no later than the segment was written."""
    first_ms = segment.first_timestamp()
    return newest_ms(segment) if first_ms == NO_TIMESTAMP else min(first_ms, newest_ms(segment))


def _last_batch_offset(sealed: Sequence[Segment]) -> int:
    """Offset of the last record of the last segment that has any."""
    return next((segment.last_offset() for segment in reversed(sealed) if segment.size), -1)


def _remove_files(segments: Sequence[Segment]) -> None:
    for segment in segments:
        segment.remove_files()


def _write_indexes(segment: Segment) -> None:
    for path, content in segment.index_files():
        replace_file(path, content)
    segment.release_indexes()
    sync_directory(segment.path.parent)
