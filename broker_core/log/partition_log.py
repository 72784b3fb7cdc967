"""Ordered segments with log start, high watermark and end offset: append, read, roll, truncate.

Everything between log start and high watermark is committed and may be read. What lies between
durable end and end offset is written but not synced: :mod:`broker_core.log.group_commit` syncs it.
Here that commits it; with copies on other nodes it does not
(:mod:`broker_core.log.replicated_log`). Readers of committed transactions stop at the last stable
offset, which an undecided transaction holds back.

For the event loop, which it never makes wait for a sync; :meth:`PartitionLog.offset_for_time` may
decompress a batch and so may also be called from a thread.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from broker_core.clock import Clock
from broker_core.errors import (
    OffsetOutOfRange,
    StorageError,
    UnknownTopicOrPartition,
)
from broker_core.log import time_lookup
from broker_core.log.append_result import AppendResult
from broker_core.log.batch_check import check_batch
from broker_core.log.fault import DISK_FULL, Fault, note_shortage
from broker_core.log.flush import Flush
from broker_core.log.open_files import OpenFiles
from broker_core.log.producer_snapshot import Producer
from broker_core.log.recovery import recover
from broker_core.log.segment import MAX_SPAN, Segment, SegmentIndexes
from broker_core.log.segment_list import Place, SegmentList
from broker_core.log.topic_config import LogConfig
from broker_core.log.transaction_index import AbortedTransaction, TransactionIndex
from broker_core.log.transaction_lookup import overlapping, transactions_in
from broker_core.log.unsynced import Unsynced
from broker_core.metrics import LOG_DUPLICATES
from broker_core.protocol.control_record import Marker, encode_marker
from broker_core.protocol.record_batch import (
    BatchHeader,
    Bytes,
    read_header,
    with_append_time,
)
from broker_core.settings import LogSettings

_ASSIGNED = struct.Struct(">qii")  # base offset, batch length, leader epoch


class PartitionLog:
    """One partition of one topic.

    Attributes:
        topic: The topic's name.
        partition: Its number.
        config: How the topic is kept.
        log_start_offset: First offset that can be read.
        high_watermark: First offset that is not committed; readers stop before it.
        durable_end: First offset that is not on disk.
        end_offset: Offset that the next record will get.
        is_deleted: Set once its topic is deleted; nothing can be appended any more.
        may_have_gaps: Whether offsets may be missing anywhere, not only where it was compacted.
        is_copy: Whether it starts where another node's log does: nothing of it goes before.
    """

    may_have_gaps = False
    is_copy = False

    def __init__(
        self,
        directory: Path,
        *,
        topic: str,
        partition: int,
        config: LogConfig,
        settings: LogSettings,
        clock: Clock,
        files: OpenFiles,
        fault: Fault,
        clean: bool,
    ) -> None:
        """Open the partition in ``directory``, which exists; blocks.

        Args:
            clean: Whether the whole log directory was closed in order.
        """
        self.topic = topic
        self.partition = partition
        self.config = config
        self.directory = directory
        self._settings = settings
        self._clock = clock
        self._files = files
        self._fault = fault
        recovered = recover(
            directory,
            files=files,
            interval_bytes=settings.index_interval_bytes,
            now_ms=clock.now_ms(),
            clean=clean,
            may_have_gaps=self.may_have_gaps,
        )
        self._segments = SegmentList(recovered.segments)
        self._producers = recovered.producers
        self._unsynced = Unsynced(
            directory,
            recovery_point=recovered.recovery_point,
            mark_bytes=settings.recovery_mark_bytes,
            marked_bytes=recovered.marked_bytes,
        )
        self.log_start_offset = recovered.log_start_offset
        self.end_offset = self.durable_end = self.high_watermark = self._active.next_offset
        self._mark = Place(self._active, self._active.size)
        self._active_since_ms = recovered.active_since_ms
        self.is_deleted = False
        self._listeners: list[Callable[[], None]] = []

    # -- writing

    def append(
        self,
        batches: Bytes,
        leader_epoch: int = 0,
        *,
        sequenced: bool = True,
        prepared: bool = False,
    ) -> AppendResult:
        """Append one record batch; it is durable after ``GroupCommit.durable``.

        Whoever lets a producer begin a transaction here sees to it that it will be ended: ask
        :meth:`is_in_transaction`, then the coordinator.

        Args:
            batches: Exactly one batch: Produce v3 and later allow no more for a partition.
            sequenced: False for what a coordinator writes in a producer's name, without sequence.
            prepared: True for what ``batch_check.prepare`` returned, in a thread.

        Raises:
            BrokerError: The batch is not acceptable, see ``check_batch``; nothing was written.
            UnknownTopicOrPartition: The topic was deleted.
            InvalidProducerEpoch, OutOfOrderSequence, InvalidTxnState: Its producer is fenced, left
                a gap, or writes outside of its open transaction.
            StorageError: It could not be written (full disk, or out of service).
        """
        self._check_writable()
        header = check_batch(batches, self.config, sequenced=sequenced, prepared=prepared)
        now_ms = self._clock.now_ms()
        append_time_ms = now_ms if self.config.has_log_append_time else -1
        if not sequenced:
            self._producers.check_epoch(header.producer_id, header.producer_epoch)
        elif header.producer_id >= 0:
            earlier = self._producers.check(header)
            if earlier is not None:
                LOG_DUPLICATES.inc()
                return AppendResult(
                    earlier.base_offset,
                    earlier.last_offset,
                    earlier.timestamp_ms if self.config.has_log_append_time else -1,
                    self.log_start_offset,
                    duplicate=True,
                )
        if append_time_ms >= 0:
            batches, header = with_append_time(batches, header, append_time_ms)
        base_offset = self._append(batches, header, leader_epoch, now_ms)
        if header.producer_id >= 0:
            self._producers.record(header, base_offset, now_ms)
        return AppendResult(
            base_offset,
            self.end_offset - 1,
            append_time_ms,
            self.log_start_offset,
            duplicate=False,
        )

    def end_transaction(self, marker: Marker, leader_epoch: int = 0) -> int:
        """Append a transaction marker; return its offset. It is durable as a batch is.

        A marker for a producer without an open transaction is written, too: it fences older
        epochs, and a coordinator that has forgotten whether it wrote a marker writes it again.

        Raises:
            InvalidProducerEpoch, TransactionCoordinatorFenced: A newer one has been seen.
            UnknownTopicOrPartition: The topic was deleted.
            StorageError: It could not be written.
        """
        self._check_writable()
        self._producers.check_marker(marker)
        now_ms = self._clock.now_ms()
        batch = encode_marker(marker, timestamp_ms=now_ms)
        offset = self._append(batch, read_header(batch), leader_epoch, now_ms)
        aborted = self._producers.end(marker, offset, now_ms)
        self._producers.transactions.settle(self.high_watermark)
        if aborted is not None:
            self._active.add_aborted(aborted)
        return offset

    def roll(self) -> None:
        """Seal the segment that is written to and begin the next; does nothing if it is empty.

        Raises:
            StorageError: There is no room for another file; the old one stays in use.
        """
        sealed = self._active
        if sealed.size == 0:
            return
        segment = self._new_segment(self.end_offset)
        try:
            segment.open_for_append(create=True)
        except OSError as error:
            refusal = StorageError(f"cannot begin {segment.path.name}: {error}")
            refusal.__cause__ = error
            note_shortage(self._fault, refusal)
            raise refusal from error
        now_ms = self._clock.now_ms()
        self.expire_producers()
        self._unsynced.seal(sealed, self._producers)
        self._segments.append(segment)
        self._active_since_ms = now_ms

    def truncate_before(self, offset: int) -> int:
        """Let the log start at ``offset`` (DeleteRecords); files go when retention next looks.

        Durable after the next ``GroupCommit.flush`` of this log.

        Returns:
            The new log start offset, which never goes back.

        Raises:
            OffsetOutOfRange: Beyond the high watermark.
        """
        if not 0 <= offset <= self.high_watermark:
            raise OffsetOutOfRange(
                requested=offset,
                log_start=self.log_start_offset,
                high_watermark=self.high_watermark,
            )
        if offset > self.log_start_offset:
            self.log_start_offset = offset
            self._unsynced.checkpoint_due = True
        return self.log_start_offset

    # -- reading

    @property
    def last_stable_offset(self) -> int:
        """First offset whose fate is open, at most the high watermark: read_committed's end."""
        high_watermark = self.high_watermark
        if self._producers.transactions.is_idle:
            return high_watermark
        unstable = self._producers.transactions.first_unstable(high_watermark)
        return (
            high_watermark if unstable >= high_watermark else max(unstable, self.log_start_offset)
        )

    def is_in_transaction(self, producer_id: int) -> bool:
        """Whether the producer has an open transaction here."""
        return producer_id in self._producers.transactions

    def is_retry(self, header: BatchHeader) -> bool:
        """Whether a batch repeats one of its producer's last ones."""
        return self._producers.repeated(header) is not None

    def begin_verification(self, producer_id: int) -> object:
        """Return a token to ask a coordinator with, see ``ProducerState.begin_verification``."""
        return self._producers.begin_verification(producer_id)

    def check_verified(self, producer_id: int, token: object, coordinator_epoch: int) -> None:
        """Judge a coordinator's answer, see ``ProducerState.check_verified``."""
        self._producers.check_verified(producer_id, token, coordinator_epoch)

    def refuse_unverified(self, header: BatchHeader) -> None:
        """Take note that a batch was refused because its coordinator does not vouch for it."""
        self._producers.end_verification(header.producer_id)
        self.note_refusal(header)

    def note_refusal(self, header: BatchHeader) -> None:
        """Take note that a batch is to be sent again before those that were sent behind it."""
        self._producers.refused(header)

    @property
    def producers(self) -> Mapping[int, Producer]:
        """What is known of producers with an id, the longest silent first; not to be changed."""
        return self._producers.by_id

    @property
    def open_transactions(self) -> Mapping[int, int]:
        """First offset of each undecided transaction by producer id, lowest offset first."""
        return self._producers.transactions.by_producer

    def read(
        self, offset: int, max_bytes: int, minimum_one: bool = True, *, committed: bool = False
    ) -> bytes:
        """Return whole batches from ``offset`` up to the high watermark.

        The first batch may begin before ``offset``; the reader skips what it did not ask for. A
        reader that has more than is committed, because it asked another leader, waits.

        Args:
            max_bytes: Most to return.
            minimum_one: Return the first batch even if it is larger.
            committed: Stop at the last stable offset; :meth:`aborted_in` says what to skip.

        Raises:
            OffsetOutOfRange: Before the log start or after the end.
            StorageError: The file cannot be read.
        """
        self._check_readable(offset)
        end = self.last_stable_offset if committed else self.high_watermark
        if offset >= end:
            return b""
        try:
            mark = self._mark if end == self.high_watermark else self._segments.place_of(end)
            return self._segments.read(offset, mark, max_bytes=max_bytes, minimum_one=minimum_one)
        except OSError as error:
            raise StorageError(f"cannot read {self.directory.name}: {error}") from error

    def aborted_in(self, offset: int, batches: bytes) -> list[AbortedTransaction]:
        """Return the aborted transactions with records in ``batches``, read from ``offset`` on."""
        return transactions_in(self._segments, offset, batches)

    def aborted_below(self, offset: int) -> list[AbortedTransaction]:
        """Return the aborted transactions that began before an offset, which must be stable."""
        return overlapping(self._segments, self.log_start_offset, offset)

    def offset_for_time(self, timestamp_ms: int, end: int | None = None) -> tuple[int, int] | None:
        """Return (offset, timestamp) of the first record at or after a time, or None.

        Exact: looks at the records of one batch. May be called from a thread.

        Args:
            end: Offsets from here on do not count; None is the high watermark.
        """
        end = self.high_watermark if end is None else end
        return time_lookup.first_at(list(self._segments), timestamp_ms, self.log_start_offset, end)

    def latest_time(self, end: int | None = None) -> tuple[int, int] | None:
        """Return (offset, timestamp) of the record with the largest timestamp, or None."""
        end = self.high_watermark if end is None else end
        return time_lookup.latest(list(self._segments), self.log_start_offset, end)

    # -- being told

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` on the loop whenever the high watermark moves.

        Returns:
            What to call to be told no longer.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- syncing: called by GroupCommit

    @property
    def needs_flush(self) -> bool:
        """Whether anything is written that a sync would make durable."""
        return self.durable_end < self.end_offset or self._unsynced.is_any

    def begin_flush(self) -> Flush:
        """Return all that is to be made durable now, for a thread to run."""
        return self._unsynced.begin(self._active, self._producers, self.log_start_offset)

    def finish_flush(self, flush: Flush) -> None:
        """Take note that ``flush`` is on disk; without copies, that is committed then."""
        self._unsynced.finish(flush)
        place = Place(flush.segment, flush.position)
        self._segments.remember(flush.end_offset, place)
        self.durable_end = flush.end_offset
        self._is_durable(place)

    def _is_durable(self, place: Place) -> None:
        """Commit what is durable, up to ``place``; nobody else has to have it."""
        self._commit_until(self.durable_end, place)

    def commit_written(self) -> None:
        """Commit everything before it is durable: the topic wants that (``flush.ms``)."""
        self._commit_until(self.end_offset, Place(self._active, self._active.size))

    @property
    def must_sync_soon(self) -> bool:
        """Whether more is unsynced than may be left to a timer (``flush.messages``, a segment)."""
        left = self.end_offset - self.durable_end
        return bool(self._unsynced.sealed) or left >= self.config.flush_messages

    def _commit_until(self, offset: int, place: Place) -> None:
        if offset >= self.high_watermark:
            self._mark = place
        if offset > self.high_watermark:
            self.high_watermark = offset
            self.tell()

    def tell(self) -> None:
        """Call whoever subscribed."""
        for listener in tuple(self._listeners):
            listener()

    # -- sealed segments: for retention and compaction

    @property
    def bytes(self) -> int:
        """Size of all segments."""
        return sum(segment.size for segment in self._segments)

    @property
    def segments(self) -> Sequence[Segment]:
        """Every segment, oldest first; the last is the one that is written to."""
        return tuple(self._segments)

    @property
    def durable_sealed(self) -> Sequence[Segment]:
        """Sealed segments below the recovery point: what may be removed or, stable, replaced."""
        end = min(self._unsynced.recovery_point, self.high_watermark)
        return tuple(segment for segment in self._segments.sealed if segment.next_offset <= end)

    @property
    def is_active_aged(self) -> bool:
        """Whether the segment that is written to is old enough to be sealed."""
        age_ms = self._clock.now_ms() - self._active_since_ms
        return self._active.size > 0 and age_ms >= self.config.roll_ms

    def expire_producers(self) -> None:
        """Forget producers that were silent for longer than ``producer_expiry``."""
        expiry_ms = self._settings.producer_expiry // timedelta(milliseconds=1)
        self._producers.expire(self._clock.now_ms() - expiry_ms)

    def detach_below_start(self) -> Sequence[Segment]:
        """Take sealed segments that end before the log start out of the log.

        The log start must be durable by now. Whoever calls removes the files, in a thread.
        """
        start = self.log_start_offset
        gone = [segment for segment in self.durable_sealed if segment.next_offset <= start]
        for segment in gone:
            self._segments.remove(segment)
        return gone

    def replace(
        self,
        old: Sequence[Segment],
        base_offset: int,
        *,
        next_offset: int,
        size: int,
        indexes: SegmentIndexes,
        aborted: TransactionIndex,
    ) -> Segment:
        """Put a compacted segment in the place of those it was made of; return it.

        Whoever calls puts its file in their place before anybody else runs.
        """
        segment = Segment(
            self.directory,
            base_offset,
            files=self._files,
            interval_bytes=self._settings.index_interval_bytes,
            size=size,
            next_offset=next_offset,
            indexes=indexes,
            aborted=aborted,
        )
        self._segments.replace(old, segment)
        if self._mark.segment in old:  # what is committed ends with it
            self._mark = self._segments.place_of(self.high_watermark)
        return segment

    # -- ending

    def close(self) -> None:
        """Make everything durable and remember the end, so that opening need not look; blocks.

        Raises:
            OSError: It is not on disk.
        """
        flush = self.begin_flush()
        flush.run()
        self.finish_flush(flush)
        self._unsynced.closing(self._active, self._producers, self.log_start_offset).run()
        self.release()

    def release(self) -> None:
        """Close every file as it is; the partition cannot be used any more."""
        for segment in self._segments:
            segment.forget_file()

    # -- inside

    @property
    def _active(self) -> Segment:
        return self._segments.active

    def _check_writable(self) -> None:
        self._fault.check()
        if self.is_deleted:
            raise UnknownTopicOrPartition(f"{self.topic} was deleted")

    def _check_readable(self, offset: int) -> None:
        if not self.log_start_offset <= offset <= self.end_offset:
            raise OffsetOutOfRange(
                requested=offset,
                log_start=self.log_start_offset,
                high_watermark=self.high_watermark,
            )

    def _append(self, batch: Bytes, header: BatchHeader, leader_epoch: int, now_ms: int) -> int:
        """Write a batch that was checked; return its base offset."""
        base_offset = self.end_offset
        placed = BatchHeader(base_offset, header.batch_length, leader_epoch, *header[3:])
        try:
            if self._must_roll(placed, now_ms):
                self.roll()
            self._write(batch, placed)
        except StorageError:
            self.note_refusal(header)
            raise
        return base_offset

    def _new_segment(self, base_offset: int) -> Segment:
        return Segment(
            self.directory,
            base_offset,
            files=self._files,
            interval_bytes=self._settings.index_interval_bytes,
        )

    def _must_roll(self, header: BatchHeader, now_ms: int) -> bool:
        active = self._active
        if active.size == 0:
            self._active_since_ms = now_ms
            return False
        last_relative = header.last_offset - active.base_offset
        return (
            active.size + header.size > self.config.segment_bytes
            or now_ms - self._active_since_ms >= self.config.roll_ms
            or last_relative >= MAX_SPAN
        )

    def _write(self, batch: Bytes, header: BatchHeader) -> None:
        prefix = _ASSIGNED.pack(header.base_offset, header.batch_length, header.leader_epoch)
        try:
            self._active.append((prefix, memoryview(batch)[_ASSIGNED.size :]), header)
        except OSError as error:
            self._fault.set(f"{self._active.path}: {error}")
            raise StorageError(f"cannot take back a partial write: {error}") from error
        except StorageError as error:
            note_shortage(self._fault, error)
            raise
        self._fault.set_shortage(DISK_FULL, None)
        self.end_offset = header.base_offset + header.last_offset_delta + 1
