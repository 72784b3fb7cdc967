"""The segments of one partition in order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.log.open_files import OpenFiles
from broker_core.log.segment import Segment
from broker_core.log.segment_list import Place, SegmentList
from broker_core.protocol.record_batch import read_batches, read_header
from tests.support.partition import batch


@pytest.fixture
def segments(tmp_path: Path) -> Iterator[SegmentList]:
    """Eight segments of three single records."""
    files = OpenFiles(4)
    made = []
    for base_offset in range(0, 24, 3):
        segment = Segment(tmp_path, base_offset, files=files, interval_bytes=100)
        segment.open_for_append(create=True)
        for offset in range(base_offset, base_offset + 3):
            header = read_header(batch(b"%d" % offset))._replace(base_offset=offset)
            segment.append((offset.to_bytes(8, "big"), batch(b"%d" % offset)[8:]), header)
        if base_offset < 21:
            segment.close_writer()
        made.append(segment)
    yield SegmentList(made)
    made[-1].close_writer()
    files.close()


def end_of(segments: SegmentList) -> Place:
    return Place(segments.active, segments.active.size)


def offsets(segments: SegmentList, start: int, end: Place | None = None) -> list[int]:
    data = segments.read(start, end or end_of(segments), max_bytes=1 << 20, minimum_one=True)
    return [header.base_offset for _, header in read_batches(data)] if data else []


@pytest.mark.parametrize("start", range(24))
def test_reads_from_any_offset_to_the_end(segments: SegmentList, start: int) -> None:
    assert offsets(segments, start) == list(range(start, 24))


def test_stops_at_the_place_given_even_if_more_is_there(segments: SegmentList) -> None:
    segment = list(segments)[2]

    assert offsets(segments, 4, Place(segment, segment.position_of(8))) == [4, 5, 6, 7]
    assert offsets(segments, 4, Place(segment, 0)) == [4, 5]


def test_a_remembered_place_needs_no_index(
    segments: SegmentList, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments.remember(24, end_of(segments))
    segments.remember(23, Place(segments.active, segments.active.position_of(23)))
    monkeypatch.setattr(Segment, "position_of", None)

    assert offsets(segments, 24) == []
    assert offsets(segments, 23) == [23]


def test_only_a_few_sealed_segments_keep_their_indexes_in_memory(segments: SegmentList) -> None:
    for start in range(24):
        offsets(segments, start)

    assert sum(segment.is_loaded for segment in segments.sealed) == 4


def test_a_removed_segment_is_a_gap_that_readers_pass(segments: SegmentList) -> None:
    segments.remember(4, Place(list(segments)[1], 0))

    segments.remove(list(segments)[1])

    assert len(segments) == 7
    assert offsets(segments, 1) == [1, 2, *range(6, 24)]
    assert offsets(segments, 4) == list(range(6, 24))


def test_a_replacement_stands_where_the_replaced_stood(
    segments: SegmentList, tmp_path: Path
) -> None:
    first, second, third = list(segments)[:3]
    joined = b"".join(one.path.read_bytes() for one in (first, second))
    new = Segment(
        tmp_path, 0, files=first._files, interval_bytes=100, size=len(joined), next_offset=6
    )

    segments.replace([first, second], new)
    new.path.write_bytes(joined)

    assert list(segments)[:2] == [new, third]
    assert offsets(segments, 2) == list(range(2, 24))
