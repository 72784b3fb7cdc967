"""What one sync of one partition makes durable: prepared on the loop, run in a thread.

Order matters. Logs are synced oldest first, so that what is durable is always a prefix; then the
directory, so that a new segment's name is durable before anybody is told of its records; then
indexes and snapshots, which may be lost; then the checkpoint that says so; last the recovery mark,
which counts only in the segment that the checkpoint names.
"""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from broker_core.log import file_layout
from broker_core.log.checkpoint import (
    NO_DESCRIPTOR,
    PartitionCheckpoint,
    replace_file,
    sync_directory,
    tolerate_shortage,
)
from broker_core.log.recovery_mark import RecoveryMark
from broker_core.log.segment import Segment

log = structlog.get_logger()

KEPT_SNAPSHOTS = 2
_DESCRIPTOR_WAITS = 100
_DESCRIPTOR_WAIT_SECONDS = 0.1


@dataclass(slots=True, kw_only=True)
class Flush:
    """The state of a partition at one moment, on its way to the disk.

    Attributes:
        end_offset: The high watermark once this has run.
        segment: The segment that was written to.
        position: Its size.
        sealed: Older segments that were not synced yet, oldest first.
        pinned: The segments whose logs are synced, oldest first, with their descriptors.
        snapshots: (path, content) of producer states taken when a segment was sealed.
        directory_changed: Whether there is a segment whose name is not durable yet.
        checkpoint: What to write at the end; None if nothing changed.
        mark: What a crash need not read again; None if that is little or was noted before.
    """

    directory: Path
    end_offset: int
    segment: Segment
    position: int
    sealed: list[Segment] = field(default_factory=list)
    pinned: list[tuple[Segment, int]] = field(default_factory=list)
    snapshots: list[tuple[Path, bytes]] = field(default_factory=list)
    directory_changed: bool = False
    checkpoint: PartitionCheckpoint | None = None
    checkpoint_written: bool = False
    mark: RecoveryMark | None = None

    def run(self) -> None:
        """Sync everything; blocks.

        Raises:
            OSError: Something may not be on disk; the directory must not be used any more.
        """
        for _, descriptor in self.pinned:
            os.fdatasync(descriptor)
        try:
            self._run_files()
        except FileNotFoundError:
            if self.directory.exists():
                raise
            log.info("flush_of_deleted_partition_dropped", partition=self.directory.name)

    def _run_files(self) -> None:
        if self.directory_changed:
            _sync_directory_patiently(self.directory)
        self._write_what_can_be_rebuilt()
        if self.checkpoint is not None:
            try:
                self.checkpoint.write(self.directory)
                self.checkpoint_written = True
            except OSError as error:
                tolerate_shortage(error, "partition_checkpoint_skipped", self.directory)
        if self.mark is not None:
            self.mark.write(self.directory)

    def release(self) -> None:
        """Let go of the files; on the loop, when :meth:`run` has ended."""
        while self.pinned:
            segment, descriptor = self.pinned.pop()
            segment.unpin_writer(descriptor)

    def _write_what_can_be_rebuilt(self) -> None:
        files = [file for segment in self.sealed for file in segment.index_files()]
        try:
            for path, content in files + self.snapshots:
                replace_file(path, content)
            if self.snapshots:
                drop_old_snapshots(self.directory)
        except OSError as error:
            tolerate_shortage(error, "segment_indexes_skipped", self.directory)


def drop_old_snapshots(directory: Path) -> None:
    """Remove all but the newest producer snapshots of a partition."""
    for path in file_layout.segment_files(directory, file_layout.SNAPSHOT_SUFFIX)[:-KEPT_SNAPSHOTS]:
        path.unlink()


def _sync_directory_patiently(directory: Path) -> None:
    """Wait for a descriptor rather than take a healthy disk out of service for the lack of one."""
    for _ in range(_DESCRIPTOR_WAITS):
        try:
            return sync_directory(directory)
        except OSError as error:
            if error.errno not in NO_DESCRIPTOR:
                raise
        time.sleep(_DESCRIPTOR_WAIT_SECONDS)
    return sync_directory(directory)
