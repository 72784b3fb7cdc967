from hypothesis import given
from hypothesis import strategies as st

from pipeline.bus.position import TopicPartition
from pipeline.sinks.buffer import RECORD_OVERHEAD_BYTES, Batch, Buffer, Limits
from pipeline.sinks.intent import Intent
from tests.support.records import record

AT = TopicPartition("events.log", 0)
LIMITS = Limits(rows=10, size_bytes=1 << 20, age_seconds=1.0)


def offsets(batch: Batch | None) -> list[int]:
    return [] if batch is None else [found.offset for found in batch.records]


def intent(first: int, last: int) -> Intent:
    return Intent(first=first, last=last, records=last - first + 1, begun_ms=0)


def test_a_full_batch_is_cut_at_once_and_a_small_one_when_it_is_old() -> None:
    buffer = Buffer(AT, limits=LIMITS)
    buffer.add([record(offset) for offset in range(12)], now=100.0)

    assert offsets(buffer.cut(100.0)) == list(range(10))
    assert buffer.cut(100.9) is None
    assert buffer.due_at() == 101.0
    assert offsets(buffer.cut(101.0)) == [10, 11]
    assert buffer.due_at() is None


def test_age_counts_from_the_oldest_record_that_still_waits() -> None:
    buffer = Buffer(AT, limits=LIMITS)
    buffer.add([record(offset) for offset in range(9)], now=100.0)
    buffer.add([record(offset) for offset in range(9, 12)], now=100.8)

    assert offsets(buffer.cut(100.9)) == list(range(10))
    assert buffer.due_at() == 101.8


def test_large_records_make_small_batches() -> None:
    limits = Limits(rows=10, size_bytes=10_000, age_seconds=1.0)
    buffer = Buffer(AT, limits=limits)
    buffer.add([record(offset, b"x" * 6_000) for offset in range(4)], now=100.0)

    assert offsets(buffer.cut(100.0)) == [0, 1]
    assert offsets(buffer.cut(100.0)) == [2, 3]
    assert buffer.size_bytes == 0


def test_reading_stops_at_twice_a_batch_and_goes_on_after_a_cut() -> None:
    buffer = Buffer(AT, limits=LIMITS)
    buffer.add([record(offset) for offset in range(20)], now=100.0)
    assert buffer.is_full

    buffer.cut(100.0)

    assert not buffer.is_full


def test_the_first_batch_after_a_takeover_is_exactly_the_announced_range() -> None:
    buffer = Buffer(AT, limits=LIMITS, intent=intent(5, 27))
    buffer.add([record(offset) for offset in range(5, 20)], now=100.0)
    assert buffer.cut(200.0) is None  # not all of it is here, however old
    assert not buffer.is_full  # or the rest could never come

    buffer.add([record(offset) for offset in range(20, 40)], now=200.0)

    assert offsets(buffer.cut(200.0)) == list(range(5, 28))
    assert offsets(buffer.cut(200.0)) == list(range(28, 38))


def test_a_range_that_is_gone_from_the_log_is_let_go() -> None:
    buffer = Buffer(AT, limits=LIMITS, intent=intent(5, 9))
    buffer.add([record(offset) for offset in range(50, 60)], now=100.0)

    assert buffer.cut(100.0) is None
    assert offsets(buffer.cut(100.0)) == list(range(50, 60))


def test_what_is_left_of_a_range_is_repeated() -> None:
    buffer = Buffer(AT, limits=LIMITS, intent=intent(5, 9))
    buffer.add([record(offset) for offset in (8, 9, 10)], now=100.0)

    assert offsets(buffer.cut(100.0)) == [8, 9]


def test_a_log_that_begins_anew_replaces_what_waited() -> None:
    buffer = Buffer(AT, limits=LIMITS)
    assert buffer.add([record(offset) for offset in range(100, 103)], now=100.0)

    assert not buffer.add([record(0)], now=100.0)

    assert offsets(buffer.cut(200.0)) == [0]


@given(
    sizes=st.lists(st.integers(0, 5_000), min_size=1, max_size=60),
    reads=st.integers(1, 7),
    rows=st.integers(1, 20),
)
def test_every_record_is_in_exactly_one_batch_in_order(
    sizes: list[int], reads: int, rows: int
) -> None:
    buffer = Buffer(AT, limits=Limits(rows=rows, size_bytes=8_000, age_seconds=1.0))
    records = [record(offset, b"x" * size) for offset, size in enumerate(sizes)]
    found: list[int] = []

    for begin in range(0, len(records), reads):
        buffer.add(records[begin : begin + reads], now=float(begin))
        while batch := buffer.cut(float(begin)):
            assert len(batch.records) <= rows
            found += offsets(batch)
    while batch := buffer.cut(1e9):
        found += offsets(batch)

    assert found == list(range(len(sizes)))
    assert (len(buffer), buffer.size_bytes) == (0, 0)


def test_memory_is_counted_with_what_a_record_costs_beside_its_value() -> None:
    buffer = Buffer(AT, limits=LIMITS)
    buffer.add([record(0, b"x" * 100)], now=0.0)

    assert buffer.size_bytes == 100 + RECORD_OVERHEAD_BYTES
