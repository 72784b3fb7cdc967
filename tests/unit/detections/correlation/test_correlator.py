from collections.abc import Iterable
from itertools import permutations

import pytest

from detections.correlation.correlator import FOREVER, Correlator
from detections.correlation.definition import Correlation
from detections.correlation.hit import MAX_ALERT_EVENTS, Firing, Hit
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from tests.support.correlations import ID, correlation, firings_of, hit


def correlator(*found: Correlation, **limits: int) -> Correlator:
    return Correlator(Links(found), Limits(**limits))


def seconds_of(firings: Iterable[Firing]) -> list[float]:
    return [firing.completing.time_us / 1e6 for firing in firings]


def feed(state: Correlator, hits: Iterable[Hit]) -> list[Firing]:
    for one in hits:
        state.observe(one)
    return state.advance(0, FOREVER)


def test_it_fires_on_the_event_that_crosses_the_threshold() -> None:
    of = correlation()

    [firing] = feed(correlator(of), [hit(of, at) for at in (0, 10, 20)])

    assert firing.group == {"user": "a"}
    assert firing.event_count == 3
    assert [event.offset for event in firing.events] == [0, 10_000, 20_000]


@pytest.mark.parametrize(("last", "fires"), [(60, True), (60.001, False)])
def test_both_ends_of_the_window_belong_to_it(last: float, fires: bool) -> None:
    of = correlation()

    assert bool(feed(correlator(of), [hit(of, at) for at in (0, 30, last)])) == fires


def test_after_firing_it_is_quiet_for_one_timespan_and_then_fires_again() -> None:
    of = correlation()

    fired = feed(correlator(of), [hit(of, at) for at in range(0, 140, 10)])

    assert seconds_of(fired) == [20, 90]


def test_a_window_that_closes_is_judged_whole_and_the_next_begins_with_the_next_hit() -> None:
    of = correlation(condition={"eq": 2})

    fired = feed(correlator(of), [hit(of, at) for at in (0, 60, 61, 62, 63, 200)])

    assert [(one.completing.time_us // 10**6, one.decided_us // 10**6) for one in fired] == [
        (60, 60)
    ]


def test_a_window_closes_when_the_watermark_has_passed_its_end() -> None:
    of = correlation(condition={"lt": 3})
    state = correlator(of)
    state.observe(hit(of, 0))

    assert state.advance(0, 59_999_999) == []
    assert len(state.advance(0, 60_000_000)) == 1
    assert (state.hits, state.groups) == (0, 0)


@pytest.mark.parametrize("order", list(permutations((0, 10, 20))))
def test_nothing_fires_before_the_watermark_and_the_order_of_delivery_does_not_matter(
    order: tuple[int, ...],
) -> None:
    of = correlation()
    state = correlator(of)
    for place, at in enumerate(order):
        state.observe(hit(of, at, received=place))

    assert state.advance(0, -1) == []
    assert seconds_of(state.advance(0, 2_000_000)) == [20]


def test_what_comes_after_its_place_was_passed_is_late_and_named() -> None:
    of = correlation()
    state = correlator(of)
    feed(state, [])
    for at in (0, 10):
        state.observe(hit(of, at))
    state.advance(0, 10_000_000)

    state.observe(hit(of, 5, received=11))
    state.observe(hit(of, 10, received=11))  # known already
    fired = state.advance(0, 11_000_000)

    assert fired == []
    assert state.counts == {(of.id, "late"): 1}


def test_an_event_counts_once_however_often_it_is_delivered() -> None:
    of = correlation()

    assert feed(correlator(of), [hit(of, at) for at in (0, 0, 0, 10, 10)]) == []


def test_a_group_is_forgotten_when_its_window_is_over() -> None:
    of = correlation()
    state = correlator(of)
    for at in range(100):
        state.observe(hit(of, at * 60, user=f"user{at}"))
        state.advance(0, at * 60_000_000)

    assert state.groups <= 2


def test_groups_and_hits_are_bounded_and_what_gives_way_is_named() -> None:
    small, large = correlation(), correlation(id_=ID[:-1] + "0", timespan="2m")
    state = correlator(small, large, groups=30, hits=100, rule_groups=20, rule_hits=60)
    for number in range(1_000):
        for of in (small, large):
            state.observe(hit(of, number, user=f"user{number % 50}"))

    assert state.groups <= 30
    assert state.hits <= 100
    assert min(state.counts[of.id, "evicted"] for of in (small, large)) > 900


def test_a_flood_for_one_correlation_leaves_the_others_alone() -> None:
    flooded, other = correlation(), correlation(id_=ID[:-1] + "0")
    state = correlator(flooded, other, rule_groups=10, groups=20, rule_hits=50, hits=100)
    state.observe(hit(other, 0))
    for number in range(1_000):
        state.observe(hit(flooded, 1, number=number, user=f"user{number}"))
    state.observe(hit(other, 1))
    state.observe(hit(other, 2))

    assert [one.correlation for one in state.advance(0, FOREVER)] == [other]
    assert state.counts == {(flooded.id, "evicted"): 990}


def test_a_busy_group_keeps_what_its_threshold_needs() -> None:
    of = correlation(condition={"gte": 2_000})
    state = correlator(of)
    fired = []
    for number in range(3_000):
        state.observe(hit(of, number / 100))
        fired += state.advance(0, number * 10_000)

    [firing] = fired
    assert firing.event_count == 2_000
    assert len(firing.events) == MAX_ALERT_EVENTS
    assert state.hits <= 2_001
    assert not state.counts


def test_a_count_that_is_judged_at_the_end_is_exact_beyond_what_is_held() -> None:
    of = correlation(condition={"eq": 2_500})

    [firing] = feed(correlator(of), [hit(of, number / 100) for number in range(2_500)])

    assert firing.event_count == 2_500


def test_a_group_that_holds_all_it_may_loses_its_oldest_and_says_so() -> None:
    of = correlation(type="value_sum", condition={"field": "x", "gt": 5})
    state = correlator(of, group_hits=5)
    for number in range(20):
        state.observe(hit(of, number, value="1"))
        state.advance(0, number * 1_000_000)
    for number in range(20, 30):
        state.observe(hit(of, number, value="1"))

    assert state.counts == {(of.id, "lost"): 20}


def test_hits_of_unknown_correlations_and_changed_ones_are_let_go() -> None:
    of, changed = correlation(), correlation(timespan="90s")
    state = correlator(of)
    state.observe(hit(of, 0))
    other = correlator(changed)

    other.restore(state.state())
    other.observe(hit(correlation(id_=ID[:-1] + "0"), 0))

    assert (other.hits, other.groups) == (0, 0)


def test_a_noted_firing_keeps_its_group_quiet() -> None:
    of = correlation()
    state = correlator(of)
    hits = [hit(of, at) for at in (0, 10, 20, 81, 82, 83)]
    for one in hits:
        state.observe(one)
    state.note_firing(hits[0].key, 20_000_000)
    state.note_firing(("nobody",), 0)

    assert firings_of(state.advance(0, FOREVER)) == firings_of(
        feed(correlator(of), [hit(of, at) for at in (81, 82, 83)])
    )
