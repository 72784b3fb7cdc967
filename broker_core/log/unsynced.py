"""What of a partition is not on disk yet: told as it is written, handed out as a ``Flush``.

Knows how far the disk is, too: the recovery point, and how much of the segment that is written to
a recovery mark covers. For the event loop; the flushes run in threads.
"""

from pathlib import Path

from broker_core.log import file_layout
from broker_core.log.checkpoint import CleanEnd, PartitionCheckpoint
from broker_core.log.flush import Flush
from broker_core.log.producer_state import ProducerState
from broker_core.log.recovery_mark import RecoveryMark
from broker_core.log.segment import Segment

_SHARE = 8  # a mark is written when its segment has grown by this part


class Unsynced:
    """The part of one partition that a crash may take, or cost time to look at.

    Attributes:
        sealed: Segments that were sealed since, oldest first.
        recovery_point: Every record below is on disk, and a checkpoint there says so.
        checkpoint_due: Whether the checkpoint says less than is so.
        directory_changed: Whether names in the directory are not durable yet.
    """

    def __init__(
        self, directory: Path, *, recovery_point: int, mark_bytes: int, marked_bytes: int
    ) -> None:
        """Begin with what recovery has found.

        Args:
            mark_bytes: Least growth of a segment for which a mark is written.
            marked_bytes: How much of the segment that is written to a mark covers already.
        """
        self.sealed: list[Segment] = []
        self.recovery_point = recovery_point
        self.checkpoint_due = False
        self.directory_changed = False
        self._directory = directory
        self._snapshots: list[tuple[Path, bytes]] = []
        self._mark_bytes = mark_bytes
        self._marked_bytes = marked_bytes
        self._mark_length = 0

    @property
    def is_any(self) -> bool:
        """Whether something beside records waits: a sealed segment, a checkpoint."""
        return self.checkpoint_due or bool(self.sealed)

    def seal(self, segment: Segment, producers: ProducerState) -> None:
        """Take note that a segment was sealed, and of the producers at its end."""
        self._snapshots.append(self._snapshot(segment.next_offset, producers))
        self.sealed.append(segment)
        self.directory_changed = True
        self._marked_bytes = self._mark_length = 0

    def forget(self, segments: list[Segment]) -> None:
        """Take note that segments are gone, or written to again."""
        self.sealed = [segment for segment in self.sealed if segment not in segments]

    def end_at(self, recovery_point: int) -> None:
        """Take note that the log was cut: no file may come back that speaks of what is gone.

        The mark goes now and its name with the next flush, which nothing is appended before.

        Args:
            recovery_point: Highest that is still true.

        Raises:
            OSError: The disk refuses.
        """
        RecoveryMark.remove(self._directory)
        self._marked_bytes = self._mark_length = 0
        self.recovery_point = min(self.recovery_point, recovery_point)
        self.checkpoint_due = self.directory_changed = True
        self._snapshots = []

    def begin(self, active: Segment, producers: ProducerState, log_start_offset: int) -> Flush:
        """Return all that is to be made durable now, for a thread to run."""
        checkpoint = None
        if self.is_any:
            checkpoint = PartitionCheckpoint(
                log_start_offset=log_start_offset, recovery_point=active.base_offset
            )
        mark = self._due_mark(active, producers)
        flush = Flush(
            directory=self._directory,
            end_offset=active.next_offset,
            segment=active,
            position=active.size,
            sealed=list(self.sealed),
            pinned=[(segment, segment.pin_writer()) for segment in (*self.sealed, active)],
            snapshots=self._snapshots,
            directory_changed=self.directory_changed,
            checkpoint=checkpoint,
            mark=mark,
        )
        self._snapshots = []
        self.directory_changed = self.checkpoint_due = False
        return flush

    def finish(self, flush: Flush) -> None:
        """Take note that ``flush`` is on disk."""
        flush.release()
        for segment in flush.sealed:
            segment.close_writer()
            segment.release_indexes()
        del self.sealed[: len(flush.sealed)]
        if flush.checkpoint is not None and not flush.checkpoint_written:
            self.checkpoint_due = True  # the disk was full; a later flush says so again
        elif flush.checkpoint is not None:
            self.recovery_point = flush.checkpoint.recovery_point

    def closing(self, active: Segment, producers: ProducerState, log_start_offset: int) -> Flush:
        """Return what an orderly end leaves beside the log, when all of that is on disk."""
        return Flush(
            directory=self._directory,
            end_offset=active.next_offset,
            segment=active,
            position=active.size,
            sealed=[active],
            snapshots=[self._snapshot(active.next_offset, producers)],
            checkpoint=PartitionCheckpoint(
                log_start_offset=log_start_offset,
                recovery_point=self.recovery_point,
                clean_end=CleanEnd(
                    end_offset=active.next_offset,
                    active_base_offset=active.base_offset,
                    active_bytes=active.size,
                ),
            ),
            mark=RecoveryMark.of(active, producers) if active.size > self._marked_bytes else None,
        )

    def _due_mark(self, active: Segment, producers: ProducerState) -> RecoveryMark | None:
        """Return what is to be noted of the written segment, if that is worth it by now."""
        grown = active.size - self._marked_bytes
        if grown < max(self._mark_bytes, active.size // _SHARE, self._mark_length):
            return None
        mark = RecoveryMark.of(active, producers)
        self._marked_bytes, self._mark_length = active.size, mark.length
        return mark

    def _snapshot(self, offset: int, producers: ProducerState) -> tuple[Path, bytes]:
        return self._directory / file_layout.snapshot_file(offset), producers.encode()
