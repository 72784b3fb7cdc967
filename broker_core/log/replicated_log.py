"""ReplicatedLog: a partition's log that has copies on other nodes, or is such a copy.

What is durable here is not committed yet: whoever counts the copies says how far it is
(:mod:`broker_core.replication`). A copy takes batches as they lie in the leader's log, byte for
byte, and is cut above its high watermark when it turns out to have gone another way.

Cutting keeps the order that recovery relies on: segments that go are gone from the directory
before the file that stays is cut, and nothing is appended before the cut is durable, recovery
point included. For the event loop.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from broker_core.errors import CorruptMessage, StorageError
from broker_core.log import file_layout
from broker_core.log.partition_log import PartitionLog
from broker_core.log.replay import replay_batch, restore_producers
from broker_core.log.segment_list import Place, SegmentList
from broker_core.protocol.record_batch import BatchHeader, Bytes, check_crc

log = structlog.get_logger()


class ReplicatedLog(PartitionLog):
    """A log with copies; nothing in it counts as committed before :meth:`commit_until`.

    Attributes:
        on_durable: Called on the loop after every sync.
    """

    may_have_gaps = True
    is_copy = True  # until this node leads

    def __init__(self, directory: Path, **arguments: Any) -> None:
        """Open the partition, see ``PartitionLog``; blocks."""
        super().__init__(directory, **arguments)
        self.high_watermark = self.log_start_offset
        self._mark = self._segments.place_of(self.high_watermark)
        self.on_durable: Callable[[], None] = _nobody

    def append_copy(self, batch: Bytes, header: BatchHeader) -> None:
        """Append a batch as it lies in the leader's log, offset and epoch included.

        Raises:
            CorruptMessage: It does not follow what is here, or its CRC differs.
            UnknownTopicOrPartition: The topic was deleted.
            StorageError: It could not be written.
        """
        self._check_writable()
        if header.base_offset < self.end_offset:
            raise CorruptMessage(f"offset {header.base_offset} comes after {self.end_offset - 1}")
        check_crc(batch, 0, header)
        now_ms = self._clock.now_ms()
        if self._must_roll(header, now_ms):
            self.roll()
        self._write(batch, header)
        if header.producer_id >= 0:
            aborted = replay_batch(self._producers, header, bytes(batch), now_ms)
            if header.is_control:
                self._producers.transactions.settle(self.high_watermark)
            if aborted is not None:
                self._active.add_aborted(aborted)

    def commit_until(self, offset: int) -> None:
        """Move the high watermark forward, and tell who waits.

        Args:
            offset: At most the durable end.
        """
        assert offset <= self.durable_end, "what is not on disk here is not committed"
        if offset > self.high_watermark:
            self.high_watermark = offset
            self._mark = self._segments.place_of(offset)
            self.tell()

    def read_to_end(self, offset: int, max_bytes: int, minimum_one: bool = True) -> bytes:
        """Return whole batches from ``offset`` on, committed or not: for copies.

        Raises:
            OffsetOutOfRange: Before the log start or after the end.
            StorageError: The file cannot be read.
        """
        self._check_readable(offset)
        if offset == self.end_offset:
            return b""
        end = Place(self._active, self._active.size)
        self._segments.remember(self.end_offset, end)
        try:
            return self._segments.read(offset, end, max_bytes=max_bytes, minimum_one=minimum_one)
        except OSError as error:
            raise StorageError(f"cannot read {self.directory.name}: {error}") from error

    # -- cutting; between two rounds of the group commit

    def drop_segments_from(self, offset: int) -> None:
        """Begin to cut: remove the segments that begin after ``offset``; flush, then :meth:`cut`.

        Raises:
            OSError: The disk refuses.
        """
        dropped = self._segments.drop_from(offset)
        if not dropped:
            return
        if self._active not in self._unsynced.sealed:
            self._active.open_for_append(create=False)
        self._unsynced.forget([*dropped, self._active])
        for segment in reversed(dropped):
            segment.forget_file()
            segment.remove_files()
        self._end_at(self._active.next_offset)

    def cut(self, offset: int) -> None:
        """Cut every batch that reaches ``offset``.

        After :meth:`drop_segments_from` and a flush. The cut is durable after the next flush, and
        nothing must be appended before.

        Raises:
            OSError: The disk refuses.
        """
        self._end_at(self._active.truncate_to(offset))

    def restart_at(self, offset: int) -> None:
        """Throw everything away and begin anew at ``offset``, as the leader's log does.

        Durable after the next flush.

        Raises:
            OSError: The disk refuses.
        """
        segment = self._new_segment(offset)
        old = list(self._segments)
        for each in reversed(old):
            each.forget_file()
            each.remove_files()
        for path in file_layout.segment_files(self.directory, file_layout.SNAPSHOT_SUFFIX):
            path.unlink()
        segment.open_for_append(create=True)
        self._segments = SegmentList([segment])
        self._unsynced.forget(old)
        self._end_at(offset)
        self.log_start_offset = self.high_watermark = self.durable_end = offset
        self._unsynced.recovery_point = offset
        self._mark = Place(segment, 0)

    def _is_durable(self, place: Place) -> None:
        self.on_durable()

    def _end_at(self, offset: int) -> None:
        """Let everything that is known of the log end at ``offset``."""
        if offset < self.high_watermark:
            log.error(
                "committed_records_cut",
                partition=self.directory.name,
                end_offset=offset,
                high_watermark=self.high_watermark,
            )
            self.high_watermark = offset
        self._unsynced.end_at(self._active.base_offset)
        self.end_offset = offset
        self.durable_end = min(self.durable_end, offset)
        self._segments.forget_places()
        self._mark = self._segments.place_of(self.high_watermark)
        segments = list(self._segments)
        self._producers = restore_producers(
            self.directory, segments, self._clock.now_ms(), without_index=segments[-1:]
        )


def _nobody() -> None:
    """Nobody wants to know."""
