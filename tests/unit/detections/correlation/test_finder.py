from typing import Any

import pytest

from detections.correlation.definition import Correlation
from detections.correlation.finder import About, HitFinder
from detections.correlation.hit import MAX_VALUE_CHARS, Firing, Hit
from detections.correlation.links import Links
from pipeline.schema.event import Value
from tests.support.correlations import correlation, hit, position

UPPER = "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c010"


def found(finder: HitFinder, name: str, fields: dict[str, Value]) -> list[Hit]:
    return list(
        finder.of_match(
            "the-id",
            name,
            fields,
            position(1, 0),
            time_us=5,
            received_us=7,
            about=lambda: About({"ok": False}, "bob", "syslog:a"),
        )
    )


def finder_of(*correlations: Correlation) -> HitFinder:
    return HitFinder(Links(correlations))


def test_a_match_counts_for_the_correlations_that_name_its_rule() -> None:
    finder = finder_of(correlation())

    [one] = found(finder, "failed", {"user": ["a", "b"]})

    assert (one.group, one.key[1:]) == ({"user": "a, b"}, ("user=a, b",))
    assert (one.time_us, one.received_us) == (5, 7)
    assert (one.matched, one.entity, one.source) == ({"ok": False}, "bob", "syslog:a")
    assert found(finder, "another", {"user": "a"}) == []


def test_an_event_without_group_or_value_does_not_count_and_is_counted_as_dropped() -> None:
    of = correlation(type="value_sum", condition={"field": "bytes", "gt": 1})
    finder = finder_of(of)

    assert found(finder, "failed", {"bytes": 1}) == []
    assert found(finder, "failed", {"user": "a"}) == []
    assert found(finder, "failed", {"user": "a", "bytes": "some"}) == []

    assert finder.dropped == {(of.id, "no group"): 1, (of.id, "no value"): 2}


def test_an_alias_names_another_field_in_each_rule() -> None:
    finder = finder_of(
        correlation(
            rules=["one", "two"], group_by=["who"], aliases={"who": {"one": "user", "two": "login"}}
        )
    )

    assert [one.group for one in found(finder, "one", {"user": "a"})] == [{"who": "a"}]
    assert [one.group for one in found(finder, "two", {"login": 7})] == [{"who": "7"}]


def test_several_values_count_as_one_and_a_long_one_is_held_by_its_digest() -> None:
    of = correlation(type="value_count", condition={"field": ["x", "y"], "gte": 2})
    finder = finder_of(of)
    fields: list[dict[str, Value]] = [
        {"user": "a", "x": "1", "y": "23"},
        {"user": "a", "x": "12", "y": "3"},
        {"user": "a", "x": "v" * 1_000_000, "y": ""},
        {"user": "a", "x": "v" * 1_000_001, "y": ""},
    ]

    values = [one.value for each in fields for one in found(finder, "failed", each)]

    assert len(set(values)) == 4
    assert max(map(len, values)) < 2 * MAX_VALUE_CHARS


@pytest.mark.parametrize(
    ("changes", "group"),
    [
        ({"group_by": ["user"]}, {"user": "a"}),
        ({"group_by": ["host"]}, {"host": "web-1"}),
        ({"group_by": ["who"], "aliases": {"who": {"many": "host"}}}, {"who": "web-1"}),
        ({"group_by": None}, {}),
    ],
)
def test_a_firing_counts_for_those_that_name_its_correlation(
    changes: dict[str, Any], group: dict[str, str]
) -> None:
    lower = correlation(name="many")
    upper = correlation(id_=UPPER, rules=["many"], type="temporal", condition=None, **changes)
    completing = hit(lower, 3, carried={"host": "web-1"})
    firing = Firing(
        correlation=lower,
        group={"user": "a"},
        completing=completing,
        events=[position(1, 0), completing.event],
        event_count=2,
        decided_us=9,
        received_us=11,
    )

    [one] = finder_of(lower, upper).of_firing(firing)

    assert (one.correlation, one.rule, one.group) == (UPPER, "many", group)
    assert (one.time_us, one.received_us, one.count) == (9, 11, 2)
    assert (one.event, one.events) == (completing.event, tuple(firing.events))
