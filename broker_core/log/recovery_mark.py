"""The recovery mark (``recovery-mark``): up to where the written segment was whole on disk once.

Without it a crash costs reading every segment that was being written to from its beginning. Written
whenever enough more has been synced, after that sync and without one of its own: it may be lost, or
older than the log. It is believed only as a whole, and only if the batch that it ends with is still
there; what follows is read as after any crash. When a log is cut below it, it is removed for good
before anything is appended: a log that grew again the same way may not be on disk yet.

Format: FORMAT.md, "Recovery mark". :meth:`RecoveryMark.write` blocks.
"""

import errno
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from broker_core.errors import BrokerError
from broker_core.log.checkpoint import tolerate_shortage
from broker_core.log.file_layout import RECOVERY_MARK, TEMPORARY_SUFFIX
from broker_core.log.offset_index import OffsetIndex
from broker_core.log.producer_state import ProducerState
from broker_core.log.segment import Segment, SegmentIndexes, walk
from broker_core.log.time_index import TimeIndex
from broker_core.log.transaction_index import TransactionIndex
from broker_core.protocol.record_batch import HEADER_BYTES, BatchHeader, read_header

_MAGIC = b"TORM"
_VERSION = 1
_START = struct.Struct(">4sHHqqIIIIIII")
_CRC = struct.Struct(">I")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryMark:
    """What is known of a segment that is written to, up to some batch in it.

    Attributes:
        base_offset: The segment.
        end_offset: Offset after the last batch that is known.
        size: Position after it.
        last_position: Where it begins.
        last_crc: Its CRC, by which it is recognised.
        indexes: Content of the offset, time and transaction index for that much of the log.
        producers: The producers as they were then, as in a snapshot.
    """

    base_offset: int
    end_offset: int
    size: int
    last_position: int
    last_crc: int
    indexes: tuple[bytes, bytes, bytes]
    producers: bytes

    @classmethod
    def of(cls, segment: Segment, producers: ProducerState) -> "RecoveryMark":
        """Return the mark of a segment as it is, to be written once that is on disk.

        Raises:
            OSError: It cannot be read, or is not what was written.
        """
        position, crc = _last_batch(segment)
        return cls(
            base_offset=segment.base_offset,
            end_offset=segment.next_offset,
            size=segment.size,
            last_position=position,
            last_crc=crc,
            indexes=(
                *segment.indexes.encode(log_bytes=segment.size),
                segment.aborted.encode(log_bytes=segment.size),
            ),
            producers=producers.encode(),
        )

    def write(self, directory: Path) -> None:
        """Replace the mark of the partition in ``directory``; a full disk keeps the old one.

        Raises:
            OSError: The disk is failing.
        """
        sections = (*self.indexes, self.producers)
        start = _START.pack(
            _MAGIC,
            _VERSION,
            0,
            self.base_offset,
            self.end_offset,
            self.size,
            self.last_position,
            self.last_crc,
            *map(len, sections),
        )
        content = b"".join((start, *sections))
        path = directory / RECOVERY_MARK
        temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
        try:
            temporary.write_bytes(content + _CRC.pack(google_crc32c.value(content)))
            temporary.replace(path)
        except OSError as error:
            tolerate_shortage(error, "recovery_mark_skipped", directory)

    @staticmethod
    def remove(directory: Path) -> None:
        """Remove the mark, if there is one; for good once the directory is synced.

        Raises:
            OSError: The disk is failing.
        """
        (directory / RECOVERY_MARK).unlink(missing_ok=True)

    @classmethod
    def read(cls, directory: Path) -> "RecoveryMark | None":
        """Return the mark, or None if there is none or it cannot be read or is damaged."""
        try:
            content = (directory / RECOVERY_MARK).read_bytes()
        except OSError:
            return None
        body = content[: -_CRC.size]
        if len(body) < _START.size or content[-_CRC.size :] != _CRC.pack(google_crc32c.value(body)):
            return None
        magic, version, _, base, end, size, last, crc, *lengths = _START.unpack_from(body)
        if (magic, version) != (_MAGIC, _VERSION) or _START.size + sum(lengths) != len(body):
            return None
        sections, start = [], _START.size
        for length in lengths:
            sections.append(body[start : start + length])
            start += length
        offsets, times, aborted, producers = sections
        return cls(
            base_offset=base,
            end_offset=end,
            size=size,
            last_position=last,
            last_crc=crc,
            indexes=(offsets, times, aborted),
            producers=producers,
        )

    @property
    def length(self) -> int:
        """About how many bytes it takes."""
        return sum(map(len, self.indexes)) + len(self.producers)

    def holds_for(self, path: Path) -> bool:
        """Whether the log file still has the batch that the mark ends with, where it was."""
        with path.open("rb", buffering=0) as file:
            start = os.pread(file.fileno(), HEADER_BYTES, self.last_position)
            try:
                header: BatchHeader = read_header(start)
            except BrokerError:
                return False
            return (
                header.crc == self.last_crc
                and header.last_offset + 1 == self.end_offset
                and self.last_position + header.size == self.size
                and self.size <= os.fstat(file.fileno()).st_size
            )

    def opened(self, interval_bytes: int) -> "MarkedPart | None":
        """Return what it says, decoded; None if a section is damaged."""
        offsets = OffsetIndex.decode(self.indexes[0], log_bytes=self.size)
        times = TimeIndex.decode(self.indexes[1], log_bytes=self.size)
        aborted = TransactionIndex.decode(self.indexes[2], log_bytes=self.size)
        producers = ProducerState.decode(self.producers)
        if offsets is None or times is None or aborted is None or producers is None:
            return None
        indexes = SegmentIndexes.restored(
            offsets, times, interval_bytes=interval_bytes, last_position=self.last_position
        )
        return MarkedPart(
            base_offset=self.base_offset,
            end_offset=self.end_offset,
            size=self.size,
            indexes=indexes,
            aborted=aborted,
            producers=producers,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedPart:
    """The part of a segment that need not be read, and what is known of it; for its new owner."""

    base_offset: int
    end_offset: int
    size: int
    indexes: SegmentIndexes
    aborted: TransactionIndex
    producers: ProducerState


def _last_batch(segment: Segment) -> tuple[int, int]:
    """Return position and CRC of the last batch of a segment that has one."""
    start, found = segment.indexes.last_position, (0, 0)
    try:
        for position, header in walk(
            segment.descriptor(), start, segment.size, read_bytes=HEADER_BYTES
        ):
            found = position, header.crc
    except BrokerError as error:
        raise OSError(errno.EIO, f"{segment.path.name} is not what was written") from error
    return found
