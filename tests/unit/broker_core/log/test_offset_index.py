"""Sparse offset to file position."""

from hypothesis import given
from hypothesis import strategies as st

from broker_core.log.offset_index import OffsetIndex

STEPS = st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 100_000)), max_size=30)


def built(steps: list[tuple[int, int]]) -> tuple[OffsetIndex, list[tuple[int, int]]]:
    index, entries = OffsetIndex(), []
    offset = position = 0
    for offset_step, position_step in steps:
        index.append(offset, position)
        entries.append((offset, position))
        offset, position = offset + offset_step, position + position_step
    return index, entries


@given(steps=STEPS, offset=st.integers(0, 40_000))
def test_finds_the_last_entry_at_or_before(steps: list[tuple[int, int]], offset: int) -> None:
    index, entries = built(steps)

    assert index.position_of(offset) == max(
        (position for found, position in entries if found <= offset), default=0
    )
    assert index.boundary_before(offset) == max(
        (position for _, position in entries if position <= offset), default=0
    )


@given(steps=STEPS)
def test_round_trip(steps: list[tuple[int, int]]) -> None:
    index, entries = built(steps)

    read = OffsetIndex.decode(index.encode(log_bytes=9), log_bytes=9)

    assert read is not None
    assert len(read) == len(entries)
    assert [read.position_of(offset) for offset, _ in entries] == [at for _, at in entries]
    assert read.last_position == index.last_position


def test_an_index_of_another_log_is_not_taken() -> None:
    assert OffsetIndex.decode(OffsetIndex().encode(log_bytes=9), log_bytes=10) is None
