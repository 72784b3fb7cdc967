from detections.correlation.partition import Tick
from detections.source_ticks import SILENCE_US, STALLED_US, SourceTicks

SECOND = 1_000_000


def ticks() -> SourceTicks:
    found = SourceTicks()
    found.assign({"a": 5, "b": 7}, now_us=0)
    return found


def test_what_was_seen_is_told_with_the_offset_that_comes_next() -> None:
    found = ticks()
    assert found.tick() is None

    assert found.observe("a", 5, 100, now_us=1) == 100
    assert found.observe("a", 6, 90, now_us=2) == 100
    found.pass_over("a", 7)
    assert found.observe("other", 1, 50, now_us=3) == 50
    found.pass_over("other", 2)

    assert found.tick() == Tick(received_us={"a": 100}, offsets={"a": 8, "b": 7})


def test_partitions_that_stand_still_are_asked_now_and_then() -> None:
    found = ticks()
    found.observe("a", 5, 100, now_us=2 * SECOND)

    assert list(found.silent(SILENCE_US - 1)) == []
    assert list(found.silent(3 * SECOND)) == ["b"]
    assert list(found.silent(4 * SECOND)) == []
    assert list(found.silent(5 * SECOND)) == ["a", "b"]


def test_our_clock_is_believed_only_where_nothing_is_left_to_read() -> None:
    found = ticks()

    found.hear({"a": 5, "b": 8}, asked_us=9 * SECOND)
    assert found.tick() == Tick(received_us={"a": 9 * SECOND}, offsets={"a": 5, "b": 7})

    found.hear({"b": 8}, asked_us=STALLED_US)
    tick = found.tick()
    assert tick is not None
    assert tick.received_us == {"a": 9 * SECOND, "b": STALLED_US}


def test_a_new_assignment_begins_anew() -> None:
    found = ticks()
    found.observe("a", 5, 100, now_us=1)

    found.assign({"b": 9}, now_us=2)

    assert found.tick() is None
