"""When a source is too hot for one partition."""

from pipeline.collectors.spill_over import SpillOver


def test_what_exceeds_the_limit_in_a_second_may_go_anywhere() -> None:
    spill_over = SpillOver(events_per_second=100)

    keys = [spill_over.key("a", 60, 7) for _ in range(3)]

    assert keys == [b"a", b"a", None]


def test_a_hot_source_does_not_spill_its_neighbours() -> None:
    spill_over = SpillOver(events_per_second=10)

    assert spill_over.key("hot", 1_000, 7) == b"hot"
    assert spill_over.key("hot", 1, 7) is None
    assert spill_over.key("calm", 1, 7) == b"calm"


def test_the_next_second_begins_anew() -> None:
    spill_over = SpillOver(events_per_second=10)
    spill_over.key("a", 10, 7)

    assert spill_over.key("a", 1, 8) == b"a"
