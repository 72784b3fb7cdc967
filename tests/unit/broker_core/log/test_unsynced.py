"""What is not on disk yet: handed out once, and again if the disk had no room for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.log.checkpoint import PartitionCheckpoint
from broker_core.log.file_layout import SNAPSHOT_SUFFIX, segment_files
from broker_core.log.open_files import OpenFiles
from broker_core.log.producer_state import ProducerState
from broker_core.log.segment import Segment
from broker_core.log.unsynced import Unsynced
from broker_core.protocol.record_batch import read_header
from tests.support.partition import batch

MARK_BYTES = 300


@pytest.fixture
def segments(tmp_path: Path) -> Iterator[list[Segment]]:
    """Two that are written to, the second from offset 1 on."""
    made = []
    for base_offset in range(2):
        made.append(Segment(tmp_path, base_offset, files=OpenFiles(1), interval_bytes=200))
        made[-1].open_for_append(create=True)
    yield made
    for segment in made:
        segment.close_writer()


@pytest.fixture
def unsynced(tmp_path: Path) -> Unsynced:
    return Unsynced(tmp_path, recovery_point=0, mark_bytes=MARK_BYTES, marked_bytes=0)


def grow(segment: Segment, value_bytes: int) -> None:
    sent = batch(b"." * value_bytes)
    header = read_header(sent)._replace(base_offset=segment.next_offset)
    segment.append((sent,), header)


def sync(unsynced: Unsynced, active: Segment) -> None:
    flush = unsynced.begin(active, ProducerState(), 0)
    flush.run()
    unsynced.finish(flush)


def test_a_sealed_segment_is_handed_out_until_it_is_on_disk(
    unsynced: Unsynced, segments: list[Segment], tmp_path: Path
) -> None:
    sealed, active = segments
    grow(sealed, 10)
    unsynced.seal(sealed, ProducerState())
    assert unsynced.is_any

    flush = unsynced.begin(active, ProducerState(), 0)

    assert [segment for segment, _ in flush.pinned] == [sealed, active]
    assert unsynced.is_any
    flush.run()
    unsynced.finish(flush)
    assert not unsynced.is_any
    assert unsynced.recovery_point == 1
    assert PartitionCheckpoint.read(tmp_path) == PartitionCheckpoint(recovery_point=1)


def test_a_checkpoint_that_found_no_room_is_due_again(
    unsynced: Unsynced, segments: list[Segment]
) -> None:
    unsynced.checkpoint_due = True
    flush = unsynced.begin(segments[0], ProducerState(), 0)

    unsynced.finish(flush)  # never ran

    assert unsynced.checkpoint_due


def test_a_cut_takes_back_what_was_to_be_written_of_it(
    unsynced: Unsynced, segments: list[Segment], tmp_path: Path
) -> None:
    unsynced.recovery_point = 1
    unsynced.seal(segments[0], ProducerState())
    unsynced.forget(segments)

    unsynced.end_at(0)
    sync(unsynced, segments[0])

    assert unsynced.recovery_point == 0
    assert segment_files(tmp_path, SNAPSHOT_SUFFIX) == []


def test_a_mark_is_due_when_enough_was_added(unsynced: Unsynced, segments: list[Segment]) -> None:
    active = segments[0]
    due = []
    for _ in range(40):
        grow(active, 40)
        flush = unsynced.begin(active, ProducerState(), 0)
        if flush.mark is not None:
            due.append(flush.mark.size)
        unsynced.finish(flush)

    grown = [after - before for before, after in zip([0, *due], due, strict=False)]
    assert min(grown) >= MARK_BYTES
    assert grown[-1] >= due[-1] / 8 > MARK_BYTES, "the larger the segment, the rarer"
