"""Sparse timestamp to file position."""

from hypothesis import given
from hypothesis import strategies as st

from broker_core.log.time_index import NO_TIMESTAMP, TimeIndex

TIMES = st.lists(st.integers(0, 1000), min_size=1, max_size=30)


@given(times=TIMES, target=st.integers(0, 1001))
def test_nothing_before_the_position_found_is_late_enough(times: list[int], target: int) -> None:
    index = TimeIndex()
    for number in range(len(times)):
        index.append(max(times[: number + 1]), number * 10)

    position = index.position_before(target)

    assert all(time < target for time in times[: position // 10])
    assert index.max_timestamp == max(times)


@given(times=TIMES)
def test_round_trip(times: list[int]) -> None:
    index = TimeIndex()
    for number, time in enumerate(sorted(times)):
        index.append(time, number)

    read = TimeIndex.decode(index.encode(log_bytes=1), log_bytes=1)

    assert read is not None
    assert len(read) == len(times)
    assert [read.position_before(time) for time in times] == [
        index.position_before(time) for time in times
    ]


def test_an_empty_index_knows_no_time() -> None:
    assert TimeIndex().max_timestamp == NO_TIMESTAMP
    assert TimeIndex().position_before(5) == 0


def test_an_index_of_another_log_is_not_taken() -> None:
    assert TimeIndex.decode(TimeIndex().encode(log_bytes=9), log_bytes=10) is None
