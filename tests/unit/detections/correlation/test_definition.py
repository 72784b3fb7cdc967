import re
from typing import Any

import pytest

from detections.correlation.definition import Bound
from tests.support.correlations import correlation, problem

NUMBER = {"field": "bytes", "gt": 1}


def test_a_condition_keeps_every_operator_and_every_digit() -> None:
    found = correlation(type="value_avg", condition={"field": "x", "gt": 0.5, "lte": 200})

    assert found.bounds == (Bound("gt", "0.5"), Bound("lte", "200"))
    assert found.value_fields == ("x",)
    assert found.timespan_us == 60_000_000


@pytest.mark.parametrize(
    ("changes", "at_close"),
    [
        ({"condition": {"gte": 3}}, False),
        ({"condition": {"gt": 3}}, False),
        ({"condition": {"gt": 3, "lte": 9}}, True),
        ({"condition": {"eq": 3}}, True),
        ({"condition": {"neq": 3}}, True),
        ({"condition": {"lt": 3}}, True),
        ({"type": "temporal", "condition": None}, False),
        ({"type": "temporal", "rules": None, "condition": "a and b"}, False),
        ({"type": "temporal", "rules": None, "condition": "a and not b"}, True),
    ],
)
def test_what_more_hits_can_hurt_is_decided_when_the_window_closes(
    changes: dict[str, Any], at_close: bool
) -> None:
    assert correlation(**changes).is_decided_at_close == at_close


def test_a_temporal_correlation_wants_all_its_rules_unless_it_says_otherwise() -> None:
    rules = ["a", "b", "a"]

    assert correlation(type="temporal", rules=rules, condition=None).bounds == (Bound("gte", "2"),)
    ordered = correlation(type="temporal_ordered", rules=rules, condition=None)
    assert ordered.bounds == (Bound("gte", "3"),)
    assert correlation(type="temporal", rules="a", condition={"gte": 1}).rules == ("a",)


def test_a_condition_over_rules_names_them() -> None:
    found = correlation(type="temporal", rules=None, condition="b and (a or b)")

    assert found.rules == ("b", "a")
    assert found.bounds == ()


def test_several_fields_are_counted_together() -> None:
    found = correlation(type="value_count", condition={"field": ["user", "domain"], "gte": 2})

    assert found.value_fields == ("user", "domain")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"condition": {"gte": 0}}, "0 is not from 1"),
        ({"condition": {"gte": 10**9}}, "not from 1 to 10000"),
        ({"condition": {"lt": 1}}, "1 is not from 2"),
        ({"condition": {"eq": 2.5}}, "no count is 2.5"),
        ({"condition": {"gte": "many"}}, "'many' is not a number"),
        ({"condition": {"gte": True}}, "True is not a number"),
        ({"condition": {"gte": "1" + "0" * 50}}, "not a number"),
        ({"condition": {"gte": 1, "more": 2}}, "unknown keys: more"),
        ({"condition": {}}, "none of gt"),
        ({"condition": {"gte": 1, "field": "x"}}, "measures no field"),
        ({"condition": None}, "without condition"),
        ({"condition": "a and b"}, "[Ee]xtended"),
        ({"type": "value_count"}, "without field"),
        ({"type": "value_sum", "condition": {"field": ["a", "b"], "gt": 1}}, "names 2"),
        ({"type": "value_sum", "condition": {**NUMBER, "percentile": 5}}, "has no percentile"),
        ({"type": "value_percentile", "condition": NUMBER}, "needs percentile"),
        ({"type": "value_percentile", "condition": {**NUMBER, "percentile": 101}}, "0 to 100"),
        ({"type": "temporal", "rules": ["a", "b"], "condition": "a and c"}, "not name the same"),
        ({"type": "temporal", "rules": None, "condition": "a and"}, "where a rule is expected"),
        ({"type": "temporal", "rules": None, "condition": None}, "names no rules"),
        ({"rules": [f"r{n}" for n in range(51)]}, "51 rules"),
        ({"group_by": [f"f{n}" for n in range(17)]}, "more than 16 fields"),
        ({"type": "absence"}, "absence has no condition"),
        ({"timespan": "soon"}, "[Tt]imespan"),
        ({"type": "magic"}, "magic"),
    ],
)
def test_what_is_not_evaluated_is_a_named_problem(changes: dict[str, Any], reason: str) -> None:
    said = problem(**changes)

    assert re.search(reason, said), said
