"""Rewrite sealed segments keeping the last record of each key.

Offsets stay what they were; what is gone leaves a gap. A tombstone (null value) stays as long as
``delete.retention.ms`` after its segment was written, so that readers who lag learn of it. The
last batch of the sealed part always stays, so that a reader gets past the gap after it. A batch
that cannot be read, or a record without a key, is kept as it is: compaction never loses anything
for not understanding it. Records of aborted transactions go at once; what is undecided is not
compacted (:mod:`broker_core.log.compacted_transactions`).

:func:`rewrite` only writes a new file and blocks: for a thread. It takes the place of the old ones
by ``PartitionLog.replace`` and :func:`broker_core.log.recovery.install_swap`, on the loop.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from broker_core.errors import BrokerError
from broker_core.log import file_layout
from broker_core.log.checkpoint import sync_directory
from broker_core.log.compacted_transactions import CompactedTransactions
from broker_core.log.segment import MAX_SPAN, SegmentIndexes, walk
from broker_core.log.transaction_index import AbortedTransaction, TransactionIndex
from broker_core.protocol.batch_rewriting import with_records
from broker_core.protocol.record_batch import (
    BatchHeader,
    Record,
    read_header,
    read_records,
)

MAX_KEYS = 500_000  # keys held in memory; later ones are compacted the next time


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A sealed segment, as a thread may see it."""

    path: Path
    base_offset: int
    next_offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A compacted segment, complete on disk, waiting to take its place.

    Attributes:
        swap: The file.
        base_offset: Where the first of the segments it replaces begins.
        next_offset: Where the last of them ends.
    """

    swap: Path
    base_offset: int
    next_offset: int
    size: int
    indexes: SegmentIndexes
    aborted: TransactionIndex


def last_offsets(
    files: Sequence[SealedFile], aborted: Sequence[AbortedTransaction] = ()
) -> dict[bytes, int]:
    """Return the last offset of each key, of the first :data:`MAX_KEYS` keys.

    Args:
        aborted: Every aborted transaction with records in the files; those do not count.
    """
    last: dict[bytes, int] = {}
    transactions = CompactedTransactions(aborted)
    for file in files:
        for header, batch in _batches(file):
            if header.is_control or transactions.is_aborted(header):
                continue
            for record in _records(batch) or ():
                if record.key is not None and (record.key in last or len(last) < MAX_KEYS):
                    last[record.key] = record.offset
    return last


def groups(files: Sequence[SealedFile], *, segment_bytes: int) -> list[list[SealedFile]]:
    """Cut neighbours into groups that fit in one segment together."""
    grouped: list[list[SealedFile]] = []
    total = 0
    for file in files:
        spans = file.next_offset - grouped[-1][0].base_offset if grouped else 0
        if grouped and total + file.size <= segment_bytes and spans < MAX_SPAN:
            grouped[-1].append(file)
            total += file.size
        else:
            grouped.append([file])
            total = file.size
    return grouped


def rewrite(
    files: Sequence[SealedFile],
    last: dict[bytes, int],
    transactions: CompactedTransactions,
    *,
    keep_from: int,
    tombstones_before_ms: int,
    interval_bytes: int,
) -> Rewritten | None:
    """Write what is left of ``files``, which are neighbours, to one swap file.

    Args:
        last: From :func:`last_offsets`.
        transactions: One for all files of a log that are rewritten in one go, oldest first.
        keep_from: Batches that reach this offset stay as they are.
        tombstones_before_ms: Tombstones of segments written before go, and markers of
            transactions of which nothing is left.

    Returns:
        None if nothing would be gained.

    Raises:
        OSError: The disk refused; nothing has changed.
    """
    base_offset, next_offset = files[0].base_offset, files[-1].next_offset
    directory = files[0].path.parent
    cleaned = directory / file_layout.cleaned_file(base_offset, next_offset)
    indexes = SegmentIndexes(interval_bytes)
    aborted = TransactionIndex()
    size = 0
    newest_ns = max(file.path.stat().st_mtime_ns for file in files)
    with cleaned.open("wb") as output:
        for file in files:
            drops_tombstones = file.path.stat().st_mtime_ns < tombstones_before_ms * 1_000_000
            for header, batch in _batches(file):
                if header.is_control:
                    is_empty = not transactions.has_records(header, aborted)
                    kept = b"" if is_empty and drops_tombstones else batch
                elif transactions.is_aborted(header):
                    kept = b""
                else:
                    kept = _compact(header, batch, last, drops_tombstones)
                if header.last_offset >= keep_from:
                    kept = batch
                if kept:
                    output.write(kept)
                    written = read_header(kept)
                    indexes.add(written.base_offset - base_offset, size, written.max_timestamp)
                    size += len(kept)
        output.flush()
        os.fsync(output.fileno())
    if len(files) == 1 and size == files[0].size:
        cleaned.unlink()
        return None
    os.utime(cleaned, ns=(newest_ns, newest_ns))
    swap = cleaned.rename(directory / file_layout.swap_file(base_offset, next_offset))
    sync_directory(directory)
    return Rewritten(swap, base_offset, next_offset, size, indexes, aborted)


def _compact(
    header: BatchHeader, batch: bytes, last: dict[bytes, int], drops_tombstones: bool
) -> bytes:
    """Return what is left of a batch, empty if nothing is."""
    records = _records(batch)
    if records is None:
        return batch
    kept = [
        record
        for record in records
        if record.key is None
        or (
            last.get(record.key, -1) <= record.offset
            and not (drops_tombstones and record.value is None)
        )
    ]
    if len(kept) == len(records):
        return batch
    if not kept:
        return b""
    return with_records(header, kept)


def _records(batch: bytes) -> list[Record] | None:
    try:
        return read_records(batch)
    except BrokerError:
        return None


def _batches(file: SealedFile) -> Iterator[tuple[BatchHeader, bytes]]:
    with file.path.open("rb", buffering=0) as opened:
        descriptor = opened.fileno()
        for position, header in walk(descriptor, 0, file.size):
            yield header, os.pread(descriptor, header.size, position)
