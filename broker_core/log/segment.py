"""One segment of a partition's log: a file of record batches and its indexes.

A segment is named after the first offset it may hold (``00000000000000042000.log``). Only the
newest segment of a partition is written to, and only at its end; older ones are sealed and never
change until they are replaced or removed whole. Indexes of the written segment live in memory;
those of a sealed one are read from their files when somebody looks for an offset in it. Which of
its transactions were aborted cannot be told from a segment alone: see :attr:`Segment.aborted`.

Format: FORMAT.md, "Segment". For the event loop.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from broker_core.errors import StorageError
from broker_core.log import file_layout
from broker_core.log.offset_index import OffsetIndex
from broker_core.log.open_files import OpenFiles
from broker_core.log.time_index import NO_TIMESTAMP, TimeIndex
from broker_core.log.transaction_index import AbortedTransaction, TransactionIndex
from broker_core.protocol.record_batch import (
    HEADER_BYTES,
    BatchHeader,
    Bytes,
    read_header,
)

MAX_SPAN = 1 << 31  # offsets a segment may span: its index holds relative ones in 32 bits
_SEEK_BYTES = 8 << 10  # an index interval and the header after it
_SCAN_BYTES = 256 << 10


def walk(
    descriptor: int, start: int, end: int, *, read_bytes: int = _SCAN_BYTES
) -> Iterator[tuple[int, BatchHeader]]:
    """Yield (position, header) of the batches between two positions, reading headers only.

    Args:
        read_bytes: How much to read at once, as long as that holds more than one header.

    Raises:
        CorruptMessage: What stands at a position is not a batch.
    """
    buffer, buffer_start, position, size = b"", start, start, read_bytes
    while position < end:
        if position + HEADER_BYTES > buffer_start + len(buffer):
            buffer, buffer_start = os.pread(descriptor, size, position), position
        header = read_header(buffer, position - buffer_start)
        yield position, header
        position += header.size
        size = read_bytes if header.size < read_bytes else HEADER_BYTES


class SegmentIndexes:
    """The two indexes of a segment and the rule by which batches enter them. Pure."""

    __slots__ = ("_interval_bytes", "_last_position", "max_timestamp", "offsets", "times")

    def __init__(self, interval_bytes: int) -> None:
        self._interval_bytes = interval_bytes
        self.offsets = OffsetIndex()
        self.times = TimeIndex()
        self.max_timestamp = NO_TIMESTAMP
        self._last_position = 0

    def add(self, relative_offset: int, position: int, max_timestamp: int) -> None:
        """Take note of a batch; every ``interval_bytes`` one becomes an entry."""
        if max_timestamp > self.max_timestamp:
            self.max_timestamp = max_timestamp
        self._last_position = position
        due = position - self.offsets.last_position >= self._interval_bytes
        if due or not len(self.offsets):
            self.offsets.append(relative_offset, position)
            self.times.append(self.max_timestamp, position)

    def encode(self, *, log_bytes: int) -> tuple[bytes, bytes]:
        """Return the content of both files; the time index then ends with the largest time."""
        if self.max_timestamp > self.times.max_timestamp:
            self.times.append(self.max_timestamp, self._last_position)
        return self.offsets.encode(log_bytes=log_bytes), self.times.encode(log_bytes=log_bytes)

    @classmethod
    def read(
        cls, directory: Path, base_offset: int, *, log_bytes: int, interval_bytes: int
    ) -> "SegmentIndexes | None":
        """Return what the index files hold; None unless both describe a log of this size."""
        try:
            offset_data = (directory / file_layout.offset_index_file(base_offset)).read_bytes()
            time_data = (directory / file_layout.time_index_file(base_offset)).read_bytes()
        except FileNotFoundError:
            return None
        offsets = OffsetIndex.decode(offset_data, log_bytes=log_bytes)
        times = TimeIndex.decode(time_data, log_bytes=log_bytes)
        if offsets is None or times is None:
            return None
        return cls.restored(
            offsets, times, interval_bytes=interval_bytes, last_position=offsets.last_position
        )

    @classmethod
    def restored(
        cls, offsets: OffsetIndex, times: TimeIndex, *, interval_bytes: int, last_position: int
    ) -> "SegmentIndexes":
        """Return both indexes as they were decoded.

        Args:
            last_position: Of the last batch, as far as that is known.
        """
        indexes = cls(interval_bytes)
        indexes.offsets, indexes.times = offsets, times
        indexes.max_timestamp = times.max_timestamp
        indexes._last_position = last_position
        return indexes

    @property
    def last_position(self) -> int:
        """Where the batch begins that was added last."""
        return self._last_position


class Segment:
    """A sealed segment, or (after :meth:`open_for_append`) the one that is written to.

    Attributes:
        base_offset: First offset it may hold, and its name.
        next_offset: First offset it does not reach; where the next segment begins.
        size: Bytes of its log file.
        has_aborted: Whether :attr:`aborted` holds anything.
    """

    __slots__ = (
        "_aborted",
        "_directory",
        "_files",
        "_indexes",
        "_interval_bytes",
        "_pins",
        "_sealed_max_timestamp",
        "_writer",
        "base_offset",
        "has_aborted",
        "next_offset",
        "path",
        "size",
    )

    def __init__(
        self,
        directory: Path,
        base_offset: int,
        *,
        files: OpenFiles,
        interval_bytes: int,
        size: int = 0,
        next_offset: int | None = None,
        indexes: SegmentIndexes | None = None,
        aborted: TransactionIndex | None = None,
    ) -> None:
        """Describe a segment.

        Args:
            aborted: None has its file read when need be.
        """
        self._directory = directory
        self._files = files
        self._interval_bytes = interval_bytes
        self._indexes = indexes
        self._aborted = aborted
        self._writer: int | None = None
        self._pins = 0
        self._sealed_max_timestamp: int | None = None
        self.base_offset = base_offset
        self.next_offset = base_offset if next_offset is None else next_offset
        self.path = directory / file_layout.log_file(base_offset)
        self.size = size
        if aborted is None:
            self.has_aborted = self._transaction_index_path.exists()
        else:
            self.has_aborted = len(aborted) > 0

    @property
    def aborted(self) -> TransactionIndex:
        """The aborted transactions whose markers it holds.

        Recovery rebuilds what is lost, with what it knows of the producers; here a file that
        cannot be read is an empty index.
        """
        if self._aborted is None:
            self._aborted = self.read_aborted() or TransactionIndex()
        return self._aborted

    @aborted.setter
    def aborted(self, aborted: TransactionIndex) -> None:
        self._aborted = aborted
        self.has_aborted = len(aborted) > 0

    def add_aborted(self, aborted: AbortedTransaction) -> None:
        """Take note of an aborted transaction whose marker was appended here."""
        self.aborted.append(aborted)
        self.has_aborted = True

    def read_aborted(self) -> TransactionIndex | None:
        """Return what the transaction index file holds; None if it is absent or not this log's."""
        try:
            data = self._transaction_index_path.read_bytes()
        except FileNotFoundError:
            return None
        return TransactionIndex.decode(data, log_bytes=self.size)

    @property
    def indexes(self) -> SegmentIndexes:
        """Its indexes, read from their files or rebuilt from the log where need be."""
        indexes = self._indexes  # a thread that looks up a time may load or drop them meanwhile
        if indexes is None:
            indexes = self._indexes = SegmentIndexes.read(
                self._directory,
                self.base_offset,
                log_bytes=self.size,
                interval_bytes=self._interval_bytes,
            ) or build_indexes(self.path, self.base_offset, self.size, self._interval_bytes)
        return indexes

    @property
    def is_loaded(self) -> bool:
        """Whether its indexes are in memory."""
        return self._indexes is not None

    @property
    def max_timestamp(self) -> int:
        """Largest timestamp of its records in milliseconds; -1 if there is none."""
        indexes = self._indexes
        if indexes is not None:
            return indexes.max_timestamp
        if self._sealed_max_timestamp is None:
            self._sealed_max_timestamp = self.indexes.max_timestamp
            self.release_indexes()
        return self._sealed_max_timestamp

    def open_for_append(self, *, create: bool) -> None:
        """Become the segment that is written to.

        Raises:
            OSError: The file cannot be opened or made.
        """
        flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if create else 0)
        self._writer = os.open(self.path, flags, 0o640)
        if create:
            self._indexes = SegmentIndexes(self._interval_bytes)
        else:
            _ = self.aborted  # its file is known by the log's size, which will change

    def append(self, parts: Sequence[Bytes], header: BatchHeader) -> None:
        """Write one batch, whose header is given, at the end of the file.

        Raises:
            StorageError: It could not be written; the file is as it was.
            OSError: It could not be written, and the file may now end in a part of it.
        """
        assert self._writer is not None, "a sealed segment never changes"
        position = self.size
        indexes = self.indexes  # whose files are known by the log's size, which changes now
        try:
            written = os.pwritev(self._writer, parts, position)
            if written != header.size:
                raise OSError(errno.ENOSPC, f"{written} of {header.size} bytes were written")
        except OSError as error:
            os.ftruncate(self._writer, position)
            raise StorageError(f"cannot write to {self.path.name}: {error}") from error
        self.size = position + header.size
        self.next_offset = header.base_offset + header.last_offset_delta + 1
        indexes.add(header.base_offset - self.base_offset, position, header.max_timestamp)

    def truncate_to(self, offset: int) -> int:
        """Cut every batch that reaches ``offset``; return the offset that the next may have.

        Raises:
            OSError: The file cannot be cut.
        """
        assert self._writer is not None, "a sealed segment never changes"
        position = self.position_of(offset)
        for _, header in walk(self._writer, position, min(position + 1, self.size)):
            offset = min(offset, header.base_offset)
        os.ftruncate(self._writer, position)
        self.remove_index_files()
        self._indexes = build_indexes(self.path, self.base_offset, position, self._interval_bytes)
        self.size = position
        self.next_offset = offset
        return offset

    def pin_writer(self) -> int:
        """Return the descriptor that is written to; it stays open until :meth:`unpin_writer`."""
        assert self._writer is not None
        self._pins += 1
        return self._writer

    def unpin_writer(self, descriptor: int) -> None:
        """Say that whoever synced the file is done with it."""
        self._pins -= 1
        if self._pins == 0 and self._writer is None:
            os.close(descriptor)

    def close_writer(self) -> None:
        """Write no more to it; the file is closed once nobody syncs it any more."""
        descriptor, self._writer = self._writer, None
        if descriptor is not None and self._pins == 0:
            os.close(descriptor)

    def release_indexes(self) -> None:
        """Drop the indexes of a sealed segment from memory; their files stay."""
        if self._writer is None:
            self._indexes = None
            if self.has_aborted and self._transaction_index_path.exists():
                self._aborted = None  # without its file, which a full disk may have prevented

    def descriptor(self) -> int:
        """Return a descriptor to read from, valid until the next call."""
        return self._files.descriptor(self.path) if self._writer is None else self._writer

    def position_of(self, offset: int) -> int:
        """Position of the first batch that reaches ``offset``; the size if none does."""
        start = self.indexes.offsets.position_of(max(0, offset - self.base_offset))
        for position, header in walk(self.descriptor(), start, self.size, read_bytes=_SEEK_BYTES):
            if header.last_offset >= offset:
                return position
        return self.size

    def first_timestamp(self) -> int:
        """Time of its first record; NO_TIMESTAMP if it has none, or that has none."""
        for _, header in walk(self.descriptor(), 0, self.size, read_bytes=HEADER_BYTES):
            return header.base_timestamp
        return NO_TIMESTAMP

    def last_offset(self) -> int:
        """Offset of its last record; one before its base if it has none."""
        last = self.base_offset - 1
        start = self.indexes.offsets.last_position
        for _, header in walk(self.descriptor(), start, self.size, read_bytes=_SEEK_BYTES):
            last = header.last_offset
        return last

    def read(self, position: int, end: int, *, max_bytes: int, minimum_one: bool) -> bytes:
        """Read whole batches from ``position`` on, none past ``end``.

        Args:
            position: Where a batch begins.
            end: Where a batch ends.
            minimum_one: Return the first batch even if it is larger than ``max_bytes``.
        """
        descriptor = self.descriptor()
        if end - position <= max_bytes:
            return os.pread(descriptor, end - position, position)
        boundary = self.indexes.offsets.boundary_before(position + max_bytes)
        if boundary > position:
            return os.pread(descriptor, boundary - position, position)
        boundary = position
        for start, header in walk(descriptor, position, end, read_bytes=_SEEK_BYTES):
            fits = start + header.size <= position + max_bytes
            if fits or (minimum_one and start == position):
                boundary = start + header.size
            if not fits:
                break
        return os.pread(descriptor, boundary - position, position)

    def index_files(self) -> list[tuple[Path, bytes]]:
        """Return (path, content) of the index files, as of now.

        In the order in which they must be written: who finds the sparse ones trusts that there
        is a transaction index if there was anything to put into it.
        """
        files = []
        if self.has_aborted:
            content = self.aborted.encode(log_bytes=self.size)
            files.append((self._transaction_index_path, content))
        offset_data, time_data = self.indexes.encode(log_bytes=self.size)
        return [
            *files,
            (self._directory / file_layout.offset_index_file(self.base_offset), offset_data),
            (self._directory / file_layout.time_index_file(self.base_offset), time_data),
        ]

    def forget_file(self) -> None:
        """Close the file, because it is about to be removed or replaced."""
        self.close_writer()
        self._files.forget(self.path)

    def remove_files(self) -> None:
        """Remove log and indexes; belongs in a thread, after :meth:`forget_file`."""
        self.path.unlink(missing_ok=True)
        self.remove_index_files()

    def remove_index_files(self) -> None:
        """Remove the indexes' files."""
        for name in (
            file_layout.offset_index_file,
            file_layout.time_index_file,
            file_layout.transaction_index_file,
        ):
            (self._directory / name(self.base_offset)).unlink(missing_ok=True)

    @property
    def _transaction_index_path(self) -> Path:
        return self._directory / file_layout.transaction_index_file(self.base_offset)


def build_indexes(path: Path, base_offset: int, size: int, interval_bytes: int) -> SegmentIndexes:
    """Rebuild the indexes of a segment from the headers in its log.

    Raises:
        CorruptMessage: The log is not made of whole batches.
    """
    indexes = SegmentIndexes(interval_bytes)
    with path.open("rb") as file:
        for position, header in walk(file.fileno(), 0, size):
            indexes.add(header.base_offset - base_offset, position, header.max_timestamp)
    return indexes
