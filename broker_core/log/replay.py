"""Producers and transactions of a partition, restored from a snapshot and what was written since.

The transaction index of a segment cannot be built from the segment alone, because a transaction
may have begun before it. So those that are missing are built here, too, where the state of every
producer is known; the replay then begins at a snapshot from before the first such segment.

All of it blocks, before the partition serves.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import structlog

from broker_core.errors import CorruptMessage
from broker_core.log import file_layout
from broker_core.log.producer_state import ProducerState
from broker_core.log.recovery_mark import MarkedPart
from broker_core.log.segment import Segment, walk
from broker_core.log.transaction_index import AbortedTransaction, TransactionIndex
from broker_core.protocol.control_record import decode_marker
from broker_core.protocol.record_batch import BatchHeader

log = structlog.get_logger()


def restore_producers(
    directory: Path,
    segments: Sequence[Segment],
    now_ms: int,
    *,
    without_index: Sequence[Segment],
    marked: MarkedPart | None = None,
) -> ProducerState:
    """Return the producers as of the end of the last segment.

    Args:
        without_index: Those of the segments whose transaction index is to be built.
        marked: What is known of the first of these, so that nothing before has to be read.
    """
    end_offset = segments[-1].next_offset
    before = min([end_offset, *(segment.base_offset for segment in without_index)])
    state, known_until = _newest_snapshot(directory, before, end_offset)
    for segment in without_index:
        segment.aborted = TransactionIndex()
    if marked is not None and without_index[0].base_offset == marked.base_offset:
        state, known_until = marked.producers, marked.end_offset
        without_index[0].aborted = marked.aborted
    for segment in segments:
        if segment.next_offset <= known_until:
            continue
        try:
            for aborted in _replay(segment, known_until, state, now_ms):
                if segment in without_index:
                    segment.add_aborted(aborted)
        except CorruptMessage as error:
            log.error("producer_replay_stopped", segment=str(segment.path), error=str(error))
    return state


def _newest_snapshot(directory: Path, before: int, end_offset: int) -> tuple[ProducerState, int]:
    """Return the newest usable snapshot up to ``before`` and its offset.

    Those that are damaged or of records that were cut are removed.
    """
    for path in reversed(file_layout.segment_files(directory, file_layout.SNAPSHOT_SUFFIX)):
        offset = file_layout.offset_of(path)
        state = ProducerState.decode(path.read_bytes()) if offset <= end_offset else None
        if state is None:
            path.unlink()
        elif offset <= before:
            return state, offset
    return ProducerState(), 0


def _replay(
    segment: Segment, start: int, state: ProducerState, now_ms: int
) -> list[AbortedTransaction]:
    """Show the state every batch from ``start`` on; return the transactions aborted by them."""
    descriptor = segment.descriptor()
    first = 0 if start <= segment.base_offset else segment.position_of(start)
    ended = []
    for position, header in walk(descriptor, first, segment.size):
        if header.base_offset < start or header.producer_id < 0:
            continue
        batch = os.pread(descriptor, header.size, position) if header.is_control else b""
        ended.append(replay_batch(state, header, batch, now_ms))
    return [aborted for aborted in ended if aborted is not None]


def replay_batch(
    state: ProducerState, header: BatchHeader, batch: bytes, now_ms: int
) -> AbortedTransaction | None:
    """Show the state a producer's batch as it lies in the log; return what it aborted.

    Args:
        batch: Its bytes, which count for control batches alone.

    Raises:
        CorruptMessage: A control batch holds no marker.
    """
    if not header.is_control:
        state.record(header, header.base_offset, now_ms)
        return None
    marker = decode_marker(batch, header.producer_id, header.producer_epoch)
    return state.end(marker, header.base_offset, now_ms)
