import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from detections.correlation import (
    MAX_ALERT_EVENTS,
    Correlation,
    Correlator,
    Firing,
    Hit,
    HitFinder,
)
from detections.documents import compile_text
from detections.errors import RuleProblem
from pipeline.schema.alert import EventPosition

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def written(**changes: Any) -> Any:
    correlation: dict[str, Any] = {
        "type": "event_count",
        "rules": ["failed"],
        "group-by": ["user"],
        "timespan": "60s",
        "condition": {"gte": 3},
    }
    correlation |= changes
    return {
        "title": "Brute",
        "id": "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c009",
        "correlation": correlation,
    }


def correlation(**changes: Any) -> Correlation:
    [found] = compile_text(yaml.safe_dump(written(**changes)))
    assert isinstance(found, Correlation), found
    return found


def correlator(found: Correlation, **limits: int) -> Correlator:
    return Correlator([found], **({"max_groups": 100, "max_events": 10_000} | limits))


def hit(found: Correlation, seconds: float, *, user: str = "a", value: str = "") -> Hit:
    position = EventPosition(
        id=f"{user}-{seconds}-{value}",
        topic="events.log",
        partition=0,
        offset=int(seconds),
        time=NOON + timedelta(seconds=seconds),
    )
    return Hit(correlation=found.id, group={"user": user}, value=value, event=position)


def fired_at(firings: Sequence[Firing | None]) -> list[float]:
    return [
        (firing.events[-1].time - NOON).total_seconds() for firing in firings if firing is not None
    ]


def test_it_fires_on_the_event_that_crosses_the_threshold() -> None:
    found = correlation()
    state = correlator(found)

    firings = [state.observe(hit(found, seconds)) for seconds in (0, 10, 20)]

    assert firings[:2] == [None, None]
    assert firings[2] is not None
    assert firings[2].group == {"user": "a"}
    assert firings[2].event_count == 3
    assert [event.id for event in firings[2].events] == ["a-0-", "a-10-", "a-20-"]


def test_gt_needs_one_more() -> None:
    found = correlation(condition={"gt": 3})
    state = correlator(found)

    assert fired_at([state.observe(hit(found, seconds)) for seconds in range(5)]) == [3]


@pytest.mark.parametrize(("last", "fires"), [(60, True), (60.001, False)])
def test_both_ends_of_the_window_belong_to_it(last: float, fires: bool) -> None:
    found = correlation()
    state = correlator(found)

    firings = [state.observe(hit(found, seconds)) for seconds in (0, 30, last)]

    assert bool(fired_at(firings)) == fires


def test_groups_count_by_themselves() -> None:
    found = correlation()
    state = correlator(found)

    firings = [
        state.observe(hit(found, n, user=user)) for n, user in enumerate(["a", "b", "a", "b"])
    ]

    assert fired_at(firings) == []
    assert state.group_count == 2


def test_after_firing_it_is_quiet_for_one_timespan_and_then_fires_again() -> None:
    found = correlation()
    state = correlator(found)

    assert fired_at([state.observe(hit(found, seconds)) for seconds in range(0, 140, 10)]) == [
        20,
        90,
    ]


def test_an_event_counts_once_however_often_it_is_seen() -> None:
    found = correlation()
    state = correlator(found)

    assert fired_at([state.observe(hit(found, seconds)) for seconds in (0, 0, 0, 10, 10)]) == []


@pytest.mark.parametrize("order", [(0, 10, 20), (20, 10, 0), (10, 20, 0), (10, 0, 20)])
def test_order_of_arrival_does_not_change_what_fires(order: tuple[int, ...]) -> None:
    found = correlation()
    state = correlator(found)

    assert fired_at([state.observe(hit(found, seconds)) for seconds in order]) == [20]


def test_values_are_counted_once_each() -> None:
    found = correlation(type="value_count", condition={"gte": 3, "field": "port"})
    state = correlator(found)

    firings = [
        state.observe(hit(found, n, value=value))
        for n, value in enumerate(["1", "2", "1", "2", "3"])
    ]

    assert fired_at(firings) == [4]


def test_state_restored_from_hits_and_firings_goes_on_as_if_nothing_had_happened() -> None:
    found = correlation()
    hits = [hit(found, seconds) for seconds in range(0, 300, 10)]
    unbroken = correlator(found)
    expected = fired_at([unbroken.observe(one) for one in hits])

    for cut in range(len(hits)):
        before, after = correlator(found), correlator(found)
        firings = [before.observe(one) for one in hits[:cut]]
        for one in hits[: cut + 3]:  # some hits were written, and their events not committed
            after.restore(one)
        for firing in filter(None, firings):
            after.restore_firing(
                Hit(correlation=found.id, group=firing.group, value="", event=firing.events[-1])
            )
        firings += [after.observe(one) for one in hits[cut:]]

        assert fired_at(firings) == expected


def test_groups_outlive_a_change_of_other_rules_only() -> None:
    found = correlation()
    before = correlator(found)
    for seconds in (0, 10):
        before.observe(hit(found, seconds))

    same, changed = correlator(found), correlator(correlation(timespan="90s"))
    same.carry_over(before)
    changed.carry_over(before)

    assert fired_at([same.observe(hit(found, 20))]) == [20]
    assert fired_at([changed.observe(hit(found, 20))]) == []


def test_state_is_bounded_and_what_gives_way_is_counted() -> None:
    found = correlation(condition={"gte": 1_000})
    state = correlator(found, max_groups=50, max_events=200)
    for number in range(10_000):
        state.observe(hit(found, number / 1_000, user=f"user{number % 100}"))

    assert state.group_count <= 50
    assert state.event_count <= 200
    assert state.evictions > 0


def test_a_busy_group_keeps_what_its_threshold_needs() -> None:
    found = correlation(condition={"gte": 2_000})
    state = correlator(found)

    firings = [state.observe(hit(found, number / 100)) for number in range(3_000)]

    [firing] = filter(None, firings)
    assert firing.event_count == 2_000
    assert len(firing.events) == MAX_ALERT_EVENTS
    assert state.event_count <= 2_000


def test_old_events_leave_the_state() -> None:
    found = correlation()
    state = correlator(found)
    for number in range(1_000):
        state.observe(hit(found, number * 60))

    assert state.event_count <= 3


def test_hits_of_unknown_correlations_are_ignored() -> None:
    found = correlation()
    state = Correlator([], max_groups=1, max_events=1)

    assert state.observe(hit(found, 0)) is None
    state.restore(hit(found, 0))
    state.restore_firing(hit(found, 0))
    assert (state.group_count, state.longest_timespan_ms) == (0, 0)


def test_a_match_counts_for_the_correlations_that_name_its_rule() -> None:
    by_name, by_id = correlation(), correlation(rules=["the-id"], generate=True)
    finder = HitFinder([by_name])
    event = hit(by_name, 0).event

    [found] = finder.hits("the-id", "failed", {"user": ["a", "b"]}, event)

    assert found.group == {"user": "a, b"}
    assert found.key == (by_name.id, "user=a, b")
    assert list(finder.hits("the-id", "failed", {"other": 1}, event)) == []
    assert list(finder.hits("the-id", "another", {"user": "a"}, event)) == []
    assert finder.is_silent("the-id", "failed")
    assert not finder.is_silent("the-id", "another")
    assert not HitFinder([by_id]).is_silent("the-id", "failed")


def test_an_alias_names_another_field_in_each_rule() -> None:
    found = correlation(
        **{
            "rules": ["one", "two"],
            "group-by": ["who"],
            "aliases": {"who": {"one": "user", "two": "account"}},
        }
    )
    finder, event = HitFinder([found]), hit(correlation(), 0).event

    assert [one.group for one in finder.hits("1", "one", {"user": "a"}, event)] == [{"who": "a"}]
    assert [one.group for one in finder.hits("2", "two", {"account": 7}, event)] == [{"who": "7"}]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "temporal"}, "temporal correlations are not evaluated yet"),
        ({"type": "value_sum", "condition": {"gte": 1, "field": "f"}}, "not evaluated yet"),
        ({"condition": {"lt": 3}}, "lt can be decided only when a window closes"),
        ({"condition": {"eq": 3}}, "only when a window closes"),
        ({"condition": {"gte": 0.5}}, "whole number"),
        ({"condition": {"gte": 0}}, "whole number"),
        ({"condition": {"gte": 10**9}}, "whole number"),
        ({"condition": {"gt": 1, "lte": 5}}, "exactly one condition item"),
        ({"type": "value_count", "condition": {"gte": 1, "field": ["a", "b"]}}, "several fields"),
        ({"type": "value_count"}, "without field"),
        ({"timespan": "soon"}, "[Tt]imespan"),
        ({"type": "magic"}, "magic"),
    ],
)
def test_a_correlation_that_is_not_evaluated_is_a_named_problem(
    changes: dict[str, Any], reason: str
) -> None:
    [problem] = compile_text(yaml.safe_dump(written(**changes)))

    assert isinstance(problem, RuleProblem), problem
    assert re.search(reason, problem.reason), problem.reason
