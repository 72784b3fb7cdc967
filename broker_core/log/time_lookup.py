"""From a time to an offset, exactly (ListOffsets).

The indexes say in which segment and from which batch to look; the records of the batch found are
read, and decompressed, to name the one record. Safe in any thread: it opens files of its own, and
a segment that retention removes meanwhile is passed over.
"""

import os
from collections.abc import Iterator, Sequence

from broker_core.log.segment import Segment, walk
from broker_core.protocol.record_batch import Record, read_records


def first_at(
    segments: Sequence[Segment], timestamp_ms: int, start: int, end: int
) -> tuple[int, int] | None:
    """Return (offset, timestamp) of the first record at or after ``timestamp_ms``.

    Args:
        segments: Oldest first.
        start: Offsets before this one do not count.
        end: Nor do those from this one on.
    """
    for segment in segments:
        if segment.next_offset <= start or segment.max_timestamp < timestamp_ms:
            continue
        position = segment.indexes.times.position_before(timestamp_ms)
        for batch in _batches_from(segment, position, timestamp_ms, end):
            for record in _visible(batch, start, end):
                if record.timestamp >= timestamp_ms:
                    return record.offset, record.timestamp
    return None


def latest(segments: Sequence[Segment], start: int, end: int) -> tuple[int, int] | None:
    """Return (offset, timestamp) of the first record with the largest timestamp."""
    times = [segment.max_timestamp for segment in segments if segment.next_offset > start]
    for timestamp_ms in sorted(set(times), reverse=True):
        found = first_at(segments, timestamp_ms, start, end)
        if found is not None:
            return found
    return None


def _batches_from(segment: Segment, position: int, timestamp_ms: int, end: int) -> Iterator[bytes]:
    """Yield the batches that have a record at or after the time."""
    try:
        descriptor = os.open(segment.path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        for at, header in walk(descriptor, position, segment.size):
            if header.base_offset >= end:
                return
            if header.max_timestamp >= timestamp_ms:
                yield os.pread(descriptor, header.size, at)
    finally:
        os.close(descriptor)


def _visible(batch: bytes, start: int, end: int) -> Iterator[Record]:
    return (record for record in read_records(batch) if start <= record.offset < end)
