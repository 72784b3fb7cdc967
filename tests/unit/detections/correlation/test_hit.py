import msgspec

from detections.correlation.hit import MAX_ALERT_EVENTS, MAX_VALUE_CHARS, bounded, events_of
from tests.support.correlations import correlation, hit, position


def test_a_group_is_known_by_correlation_and_values_in_any_order() -> None:
    of = correlation(group_by=["user", "host"])
    one = msgspec.structs.replace(hit(of, 0), group={"user": "a", "host": "b"})
    other = msgspec.structs.replace(hit(of, 0), group={"host": "b", "user": "a"})

    assert one.key == other.key == (of.id, "host=b", "user=a")


def test_events_behind_hits_come_once_with_the_completing_one_last() -> None:
    of = correlation()
    below = msgspec.structs.replace(
        hit(of, 2, number=2), events=(position(0, 0), position(1, 1), position(2, 2))
    )
    hits = [hit(of, 1, number=1), below, hit(of, 3, number=3)]

    found = events_of(hits, hits[-1].event)

    assert [event.offset for event in found] == [0, 1, 2, 3]


def test_of_many_events_the_newest_are_named() -> None:
    hits = [hit(correlation(), number, number=number) for number in range(3_000)]

    found = events_of(hits, hits[-1].event)

    assert [event.offset for event in found] == list(range(3_000 - MAX_ALERT_EVENTS, 3_000))


def test_a_long_value_is_held_by_its_beginning_and_digest() -> None:
    assert bounded("x" * MAX_VALUE_CHARS) == "x" * MAX_VALUE_CHARS
    assert len(bounded("x" * 10**6)) == MAX_VALUE_CHARS
    assert bounded("x" * 10**6) != bounded("x" * (10**6 + 1))
    assert bounded("\ud800" * 1_000) == bounded("\ud800" * 1_000)
