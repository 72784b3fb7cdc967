"""Which aborted transactions a reader of committed records must skip in what it was given.

For the event loop.
"""

from broker_core.log.segment_list import SegmentList
from broker_core.log.transaction_index import AbortedTransaction
from broker_core.protocol.record_batch import read_batches


def transactions_in(segments: SegmentList, offset: int, batches: bytes) -> list[AbortedTransaction]:
    """Return the aborted transactions with records in ``batches``, read from ``offset`` on."""
    if not batches or not any(segment.has_aborted for segment in segments.from_offset(offset)):
        return []
    _, last = read_batches(batches)[-1]
    return overlapping(segments, offset, last.last_offset + 1)


def overlapping(segments: SegmentList, start: int, end: int) -> list[AbortedTransaction]:
    """Return the aborted transactions with an offset in [start, end), which must be decided.

    A transaction that overlaps may have its marker anywhere later. The search ends with the first
    one at whose end everything before ``end`` was decided.
    """
    found = []
    for segment in segments.from_offset(start):
        if not segment.has_aborted:
            continue
        for aborted in segments.aborted_of(segment):
            if aborted.last_offset >= start and aborted.first_offset < end:
                found.append(aborted)
            if aborted.last_stable_offset >= end:
                return found
    return found
