"""One segment: where batches lie, and where a read may be cut."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.log.open_files import OpenFiles
from broker_core.log.segment import Segment, SegmentIndexes, build_indexes, walk
from broker_core.protocol.record_batch import read_batches, read_header
from tests.support.partition import NOON_MS, batch

BASE = 1000


@pytest.fixture
def files() -> Iterator[OpenFiles]:
    opened = OpenFiles(4)
    yield opened
    opened.close()


@pytest.fixture
def segment(tmp_path: Path, files: OpenFiles) -> Iterator[Segment]:
    """Twenty batches of two records; an index entry for about every third."""
    made = Segment(tmp_path, BASE, files=files, interval_bytes=200)
    made.open_for_append(create=True)
    for number in range(20):
        append(made, batch(b"a", b"b", timestamps=[NOON_MS + number] * 2))
    yield made
    made.forget_file()


def append(segment: Segment, data: bytes) -> None:
    header = read_header(data)._replace(base_offset=segment.next_offset)
    segment.append((header.base_offset.to_bytes(8, "big"), data[8:]), header)


def test_counts_offsets_and_bytes(segment: Segment) -> None:
    assert segment.next_offset == BASE + 40
    assert segment.size == segment.path.stat().st_size
    assert segment.max_timestamp == NOON_MS + 19
    assert segment.last_offset() == BASE + 39


def test_every_offset_is_found_in_its_batch(segment: Segment) -> None:
    size = segment.size // 20

    for offset in range(BASE, BASE + 40):
        assert segment.position_of(offset) == (offset - BASE) // 2 * size
    assert segment.position_of(BASE + 40) == segment.size
    assert segment.position_of(0) == 0


@pytest.mark.parametrize("max_bytes", [0, 1, 70, 76, 77, 200, 500, 5000])
@pytest.mark.parametrize("minimum_one", [True, False])
def test_reads_whole_batches_within_the_limit(
    segment: Segment, max_bytes: int, minimum_one: bool
) -> None:
    position = segment.position_of(BASE + 6)
    end = segment.position_of(BASE + 38)

    data = segment.read(position, end, max_bytes=max_bytes, minimum_one=minimum_one)

    size = segment.size // 20
    if max_bytes < size:
        assert len(data) == (size if minimum_one else 0)
    else:
        assert max_bytes - 200 - size < len(data) <= max_bytes or len(data) == end - position
        assert read_batches(data)[0][1].base_offset == BASE + 6


def test_the_indexes_on_disk_say_what_those_in_memory_said(
    segment: Segment, tmp_path: Path
) -> None:
    for path, content in segment.index_files():
        path.write_bytes(content)
    known = [segment.position_of(offset) for offset in range(BASE, BASE + 40)]
    segment.close_writer()
    segment.release_indexes()

    assert not segment.is_loaded
    assert segment.max_timestamp == NOON_MS + 19
    assert not segment.is_loaded, "asking for the time alone keeps nothing in memory"
    assert [segment.position_of(offset) for offset in range(BASE, BASE + 40)] == known


def test_indexes_that_are_missing_are_built_from_the_log(segment: Segment) -> None:
    known = segment.index_files()
    segment.close_writer()
    segment.release_indexes()

    assert segment.index_files() == known


def test_indexes_of_a_log_of_another_size_are_not_taken(segment: Segment, tmp_path: Path) -> None:
    for path, content in segment.index_files():
        path.write_bytes(content)

    def read(log_bytes: int) -> SegmentIndexes | None:
        return SegmentIndexes.read(tmp_path, BASE, log_bytes=log_bytes, interval_bytes=200)

    assert read(segment.size) is not None
    assert read(segment.size + 1) is None


def test_walking_reads_every_header_whatever_is_read_at_a_time(segment: Segment) -> None:
    for read_bytes in (61, 100, 1 << 20):
        found = list(walk(segment.descriptor(), 0, segment.size, read_bytes=read_bytes))
        assert [header.base_offset for _, header in found] == list(range(BASE, BASE + 40, 2))


def test_building_indexes_twice_gives_the_same(segment: Segment) -> None:
    built = build_indexes(segment.path, BASE, segment.size, 200)

    assert built.encode(log_bytes=segment.size) == segment.indexes.encode(log_bytes=segment.size)


def test_a_sealed_segment_never_changes(segment: Segment) -> None:
    segment.close_writer()

    with pytest.raises(AssertionError, match="never changes"):
        append(segment, batch(b"a"))


def test_removing_leaves_nothing(segment: Segment, tmp_path: Path) -> None:
    for path, content in segment.index_files():
        path.write_bytes(content)
    segment.forget_file()

    segment.remove_files()

    assert list(tmp_path.iterdir()) == []
