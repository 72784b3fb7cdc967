"""Opening a partition: trust what was closed in order, check the rest and cut what is torn.

After an orderly close nothing is scanned. After a crash every batch from the recovery point's
segment on, or from the mark in it (:mod:`broker_core.log.recovery_mark`), is read and its CRC
compared; the first one that is not whole ends the log, because what follows it was never
acknowledged. Indexes of what was scanned are built anew. Producers and their transactions come back
from the mark or the newest snapshot, and the headers of the batches after it
(:mod:`broker_core.log.replay`).

All of it blocks, before the partition serves.
"""

import os
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import structlog

from broker_core.errors import CorruptMessage, UnsupportedForMessageFormat
from broker_core.log import file_layout
from broker_core.log.checkpoint import (
    PartitionCheckpoint,
    replace_file,
    sync_directory,
    tolerate_shortage,
)
from broker_core.log.open_files import OpenFiles
from broker_core.log.producer_state import ProducerState
from broker_core.log.recovery_mark import MarkedPart, RecoveryMark
from broker_core.log.replay import restore_producers
from broker_core.log.segment import MAX_SPAN, Segment, SegmentIndexes, walk
from broker_core.metrics import LOG_BYTES_CUT
from broker_core.protocol.record_batch import HEADER_BYTES, check_crc, read_header

log = structlog.get_logger()

_READ_BYTES = 1 << 20
_NOWHERE = 1 << 63  # beyond every offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """A partition as it was found.

    Attributes:
        segments: Oldest first, at least one; the last is open for appending.
        active_since_ms: About when the last segment got its first record.
        marked_bytes: How much of it a recovery mark on disk covers.
    """

    segments: list[Segment]
    producers: ProducerState
    recovery_point: int
    log_start_offset: int
    active_since_ms: int
    marked_bytes: int


@dataclass(slots=True)
class Scan:
    """What a log file holds up to the first batch that is not whole.

    Attributes:
        size: Bytes up to there.
        next_offset: Offset after the last whole batch.
        problem: What is wrong there; None if the file ends with a whole batch.
    """

    indexes: SegmentIndexes
    next_offset: int
    size: int = 0
    problem: str | None = None


def recover(
    directory: Path,
    *,
    files: OpenFiles,
    interval_bytes: int,
    now_ms: int,
    clean: bool,
    may_have_gaps: bool = False,
) -> Recovered:
    """Open the partition in ``directory``.

    Args:
        clean: Whether the log directory was closed in order.
        may_have_gaps: Whether it is a copy: what was compacted elsewhere has gaps anywhere.
    """
    finish_replacements(directory)
    opening = _Opening(
        directory, files, interval_bytes, PartitionCheckpoint.read(directory), may_have_gaps
    )
    if not (clean and opening.trust_clean_end()):
        opening.check_after_crash()
    opening.ensure_active()
    producers = restore_producers(
        directory, opening.segments, now_ms, without_index=opening.scanned, marked=opening.marked
    )
    opening.write_what_was_rebuilt(producers)
    return Recovered(
        segments=opening.segments,
        producers=producers,
        recovery_point=opening.recovery_point,
        log_start_offset=opening.log_start_offset(),
        active_since_ms=_active_since(opening.segments[-1], now_ms),
        marked_bytes=opening.marked_bytes,
    )


@dataclass(slots=True)
class _Opening:
    directory: Path
    files: OpenFiles
    interval_bytes: int
    checkpoint: PartitionCheckpoint | None
    may_have_gaps: bool
    segments: list[Segment] = field(default_factory=list)
    scanned: list[Segment] = field(default_factory=list)
    recovery_point: int = 0
    is_checked: bool = False
    marked: MarkedPart | None = None
    marked_bytes: int = 0

    def trust_clean_end(self) -> bool:
        """Open everything as the checkpoint says, if the files look like it."""
        clean_end = self.checkpoint.clean_end if self.checkpoint else None
        bases = self._bases()
        if clean_end is None or not bases or bases[-1] != clean_end.active_base_offset:
            return False
        path = self.directory / file_layout.log_file(bases[-1])
        if path.stat().st_size != clean_end.active_bytes:
            return False
        for base_offset, next_offset in zip(bases, [*bases[1:], clean_end.end_offset], strict=True):
            self._trust(base_offset, next_offset)
        assert self.checkpoint is not None
        self.recovery_point = self.checkpoint.recovery_point
        if (self.directory / file_layout.RECOVERY_MARK).exists():
            self.marked_bytes = clean_end.active_bytes
        return True

    def check_after_crash(self) -> None:
        """Scan from the recovery point's segment on, cut what is torn, sync what is left."""
        known = self.checkpoint or PartitionCheckpoint()
        bases = self._bases()
        first = max(0, sum(base <= known.recovery_point for base in bases) - 1)
        for base_offset, next_offset in pairwise(bases[: first + 1]):
            self._trust(base_offset, next_offset)
        self._find_mark(bases[first:])
        expected: int | None = None
        for number, base_offset in enumerate(bases[first:], first):
            if expected is not None and base_offset != expected and expected >= self._strict_from:
                self._remove(bases[number:], f"offset {expected} should follow")
                break
            scanned = self._scan(base_offset)
            expected = scanned.next_offset
            if scanned.problem is not None:
                self._remove(bases[number + 1 :], "a segment before it is torn")
                break
        if not self.segments and known.recovery_point > 0:
            log.error("log_segments_missing", partition=self.directory.name)
        for segment in self.segments[first:]:
            with segment.path.open("rb") as file:
                os.fsync(file.fileno())
        sync_directory(self.directory)
        self.is_checked = bool(self.segments)

    def ensure_active(self) -> None:
        """Open the last segment for appending; make the first one of an empty partition."""
        create = not self.segments
        if create:
            known = self.checkpoint or PartitionCheckpoint()
            base_offset = max(known.log_start_offset, known.recovery_point)
            self.segments.append(self._segment(base_offset, 0, base_offset))
        self.segments[-1].open_for_append(create=create)
        if create:
            PartitionCheckpoint(
                log_start_offset=self.segments[0].base_offset,
                recovery_point=self.segments[0].base_offset,
            ).write(self.directory)

    def write_what_was_rebuilt(self, producers: ProducerState) -> None:
        """Write the indexes of sealed segments that were scanned, then say what is on disk."""
        for segment in self.scanned:
            if segment is not self.segments[-1]:
                self._write_indexes(segment)
        if self.is_checked:
            active = self.segments[-1]
            self._advance_recovery_point(active.base_offset)
            if active.size > (self.marked.size if self.marked else 0):
                RecoveryMark.of(active, producers).write(self.directory)
            self.marked_bytes = active.size

    def log_start_offset(self) -> int:
        """The first offset readers may see."""
        known = self.checkpoint or PartitionCheckpoint()
        start = max(known.log_start_offset, self.segments[0].base_offset)
        return min(start, self.segments[-1].next_offset)

    @property
    def _strict_from(self) -> int:
        """Offset from which no gap is possible: compaction stays below the recovery point."""
        if self.may_have_gaps or self.checkpoint is None:
            return _NOWHERE
        return self.checkpoint.recovery_point

    def _bases(self) -> list[int]:
        paths = file_layout.segment_files(self.directory, file_layout.LOG_SUFFIX)
        return [file_layout.offset_of(path) for path in paths]

    def _segment(
        self,
        base_offset: int,
        size: int,
        next_offset: int,
        indexes: SegmentIndexes | None = None,
    ) -> Segment:
        return Segment(
            self.directory,
            base_offset,
            files=self.files,
            interval_bytes=self.interval_bytes,
            size=size,
            next_offset=next_offset,
            indexes=indexes,
        )

    def _trust(self, base_offset: int, next_offset: int) -> None:
        """Open a segment whose records are known to be on disk."""
        size = (self.directory / file_layout.log_file(base_offset)).stat().st_size
        segment = self._segment(base_offset, size, next_offset)
        if _has_indexes(segment):
            self.segments.append(segment)
            return
        scanned = self._scan(base_offset)
        segment = self.segments[-1]
        segment.next_offset = next_offset
        if scanned.problem is not None:
            log.error(
                "log_records_lost",
                partition=self.directory.name,
                first_offset=scanned.next_offset,
                last_offset=next_offset - 1,
            )

    def _scan(self, base_offset: int) -> Scan:
        """Scan a segment, cut it where it is torn, and add it."""
        path = self.directory / file_layout.log_file(base_offset)
        scanned = scan(
            path, base_offset, self._known_start(base_offset), strict_from=self._strict_from
        )
        if scanned.problem is not None:
            if self.marked is None:
                self._remove_mark()
            self._count_cut(path.stat().st_size - scanned.size, path, scanned.problem)
            os.truncate(path, scanned.size)
        segment = self._segment(base_offset, scanned.size, scanned.next_offset, scanned.indexes)
        self.segments.append(segment)
        self.scanned.append(segment)
        return scanned

    def _find_mark(self, bases: list[int]) -> None:
        """Use the mark if it is that of the first segment to be scanned and still holds.

        Another must not stay: it would hold again once the log has grown again as it was, before
        that is on disk.
        """
        mark = RecoveryMark.read(self.directory)
        if (
            mark is not None
            and self.checkpoint is not None
            and bases
            and mark.base_offset == bases[0]
            and mark.holds_for(self.directory / file_layout.log_file(bases[0]))
        ):
            self.marked = mark.opened(self.interval_bytes)
        if self.marked is None:
            self._remove_mark()

    def _remove_mark(self) -> None:
        RecoveryMark.remove(self.directory)
        sync_directory(self.directory)

    def _known_start(self, base_offset: int) -> Scan:
        """What needs no scanning: nothing, or what the mark says."""
        marked = self.marked
        if marked is not None and marked.base_offset == base_offset:
            return Scan(marked.indexes, marked.end_offset, marked.size)
        return Scan(SegmentIndexes(self.interval_bytes), base_offset)

    def _remove(self, bases: list[int], problem: str) -> None:
        for base_offset in reversed(bases):
            segment = self._segment(base_offset, 0, base_offset)
            self._count_cut(segment.path.stat().st_size, segment.path, problem)
            segment.remove_files()

    def _count_cut(self, cut_bytes: int, path: Path, problem: str) -> None:
        LOG_BYTES_CUT.inc(cut_bytes)
        log.warning(
            "log_tail_cut",
            partition=self.directory.name,
            segment=path.name,
            cut_bytes=cut_bytes,
            problem=problem,
        )

    def _write_indexes(self, segment: Segment) -> None:
        try:
            segment.remove_index_files()
            for path, content in segment.index_files():
                replace_file(path, content)
        except OSError as error:
            tolerate_shortage(error, "segment_indexes_skipped", self.directory)

    def _advance_recovery_point(self, offset: int) -> None:
        """Only what the checkpoint says counts: compaction must stay below it."""
        checkpoint = PartitionCheckpoint(
            log_start_offset=self.log_start_offset(), recovery_point=offset
        )
        known = self.checkpoint
        if known is not None and replace(known, clean_end=None) == checkpoint:
            self.recovery_point = offset
            return
        try:
            checkpoint.write(self.directory)
            self.recovery_point = offset
        except OSError as error:
            tolerate_shortage(error, "partition_checkpoint_skipped", self.directory)
            self.recovery_point = self.checkpoint.recovery_point if self.checkpoint else 0


def scan(path: Path, base_offset: int, found: Scan, *, strict_from: int) -> Scan:
    """Read a log file on from what was found already, from the disk, comparing every CRC.

    Args:
        strict_from: Offset from which a gap is an error: base offsets are not under the CRC.
    """
    with path.open("rb", buffering=0) as file:
        end = os.fstat(file.fileno()).st_size
        # After a sync that failed the kernel shows what never reached the disk, and calls it clean.
        os.posix_fadvise(file.fileno(), found.size, 0, os.POSIX_FADV_DONTNEED)
        try:
            _scan_batches(file.fileno(), end, base_offset, strict_from, found)
        except (CorruptMessage, UnsupportedForMessageFormat) as error:
            found.problem = str(error)
    return found


def _scan_batches(
    descriptor: int, end: int, base_offset: int, strict_from: int, found: Scan
) -> None:
    buffer, start = b"", 0
    while found.size < end:
        at = found.size - start
        if at + HEADER_BYTES > len(buffer):
            buffer, start, at = os.pread(descriptor, _READ_BYTES, found.size), found.size, 0
        header = read_header(buffer, at)
        if found.size + header.size > end:
            raise CorruptMessage(f"a batch of {header.size} bytes is cut off")
        gap = header.base_offset - found.next_offset
        if gap < 0 or (gap > 0 and found.next_offset >= strict_from) or gap >= MAX_SPAN:
            raise CorruptMessage(f"offset {header.base_offset} after {found.next_offset - 1}")
        if at + header.size > len(buffer):
            wanted = max(header.size, _READ_BYTES)
            buffer, start, at = os.pread(descriptor, wanted, found.size), found.size, 0
        check_crc(buffer, at, header)
        found.indexes.add(header.base_offset - base_offset, found.size, header.max_timestamp)
        found.size += header.size
        found.next_offset = header.last_offset + 1


def finish_replacements(directory: Path) -> None:
    """Complete what compaction had decided before a crash, and throw away what it had not."""
    changed = False
    for path in list(directory.iterdir()):
        if path.suffix in (file_layout.TEMPORARY_SUFFIX, file_layout.CLEANED_SUFFIX):
            path.unlink()
            changed = True
    for path in directory.glob(f"*{file_layout.SWAP_SUFFIX}"):
        install_swap(directory, path)
        changed = True
    if changed:
        sync_directory(directory)


def install_swap(directory: Path, swap: Path) -> None:
    """Let a complete compacted segment take the place of those it was made of.

    Can be interrupted anywhere and begun again: the swap file is there until all is done.
    """
    base_offset, next_offset = file_layout.swap_range(swap)
    for suffix in (
        file_layout.LOG_SUFFIX,
        file_layout.OFFSET_INDEX_SUFFIX,
        file_layout.TIME_INDEX_SUFFIX,
        file_layout.TRANSACTION_INDEX_SUFFIX,
    ):
        for path in file_layout.segment_files(directory, suffix):
            if base_offset <= file_layout.offset_of(path) < next_offset:
                path.unlink()
    swap.rename(directory / file_layout.log_file(base_offset))


def _has_indexes(segment: Segment) -> bool:
    """Whether its index files are all there, that of transactions if it has one at all."""
    indexes = SegmentIndexes.read(
        segment.path.parent, segment.base_offset, log_bytes=segment.size, interval_bytes=1
    )
    return indexes is not None and (not segment.has_aborted or segment.read_aborted() is not None)


def _active_since(segment: Segment, now_ms: int) -> int:
    """When the segment was begun, by its first batch or, failing that, by its file."""
    for _, header in walk(segment.descriptor(), 0, segment.size, read_bytes=HEADER_BYTES):
        if 0 <= header.max_timestamp <= now_ms:
            return header.max_timestamp
        return min(now_ms, int(segment.path.stat().st_mtime * 1000))
    return now_ms
