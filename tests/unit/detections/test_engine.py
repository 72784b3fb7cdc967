from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from detections.compiler import Rule
from detections.documents import compile_text
from detections.engine import Engine
from detections.event_texts import keyword_texts
from detections.log_source import EventSources
from detections.rule_set import RuleSet
from pipeline.schema.event import Value

TEST = EventSources(frozenset({"p"}), frozenset({"c"}), frozenset({"s"}))


def rule(detection: Mapping[str, Any], name: str = "rule", **log_source: str) -> Rule:
    written = {
        "title": name,
        "name": name,
        "logsource": log_source or {"category": "c"},
        "detection": detection,
    }
    [found] = compile_text(yaml.safe_dump(written))
    assert isinstance(found, Rule), found
    return found


def engine(*rules: Rule, memo_bytes: int = 1 << 20) -> Engine:
    return Engine(RuleSet(rules=rules), memo_bytes=memo_bytes)


def names(found: Engine, fields: Mapping[str, Value], raw: str = "") -> list[str]:
    return [match.rule.name for match in found.evaluate(fields, raw, TEST)]


def test_rules_are_held_against_events_of_their_log_source_only() -> None:
    detection = {"s": {"f": 1}, "condition": "s"}
    found = engine(
        rule(detection, "product", product="p"),
        rule(detection, "service", product="P", service="S"),
        rule(detection, "other", product="q"),
    )

    assert names(found, {"f": 1}) == ["product", "service"]
    assert found.evaluate({"f": 1}, "") == []
    by_fields: dict[str, Value] = {
        "f": 1,
        "logsource.product": "p",
        "logsource.service": ["x", "S"],
    }
    assert [match.rule.name for match in found.evaluate(by_fields, "")] == ["product", "service"]


def test_a_match_tells_which_fields_made_it() -> None:
    found = engine(
        rule({"s": {"a|contains": "x", "b": None}, "f": {"c": "no"}, "condition": "s and not f"})
    )

    [match] = found.evaluate({"a": ["y", "xx"], "c": "yes", "d": 1}, "", TEST)

    assert match.matched == {"a": ["y", "xx"]}


def test_a_keyword_is_looked_for_in_every_value_and_in_the_raw_text() -> None:
    found = engine(rule({"k": ["evil word"], "condition": "k"}))

    assert names(found, {"a": "x", "b": ["y", "an EVIL word"]}) == ["rule"]
    assert names(found, {"a": "x"}, "<38>an evil word") == ["rule"]
    assert names(found, {"a": "evil", "b": "word"}) == []
    [match] = found.evaluate({"b": "an EVIL word", "a": "x"}, "", TEST)
    assert match.matched == {"b": "an EVIL word"}
    [match] = found.evaluate({"a": "x"}, "an evil word", TEST)
    assert match.matched == {"raw": "an evil word"}


def test_the_raw_text_of_a_json_object_is_no_value() -> None:
    assert keyword_texts({"a": 1, "logsource.product": "p", "parse_error": "e"}, '{"a": 1}') == [
        "1"
    ]


def test_true_is_not_one_and_false_is_not_zero() -> None:
    found = engine(
        rule({"s": {"f": "true"}, "condition": "s"}, "true"),
        rule({"s": {"f": 1}, "condition": "s"}, "one"),
        rule({"s": {"f": 0}, "condition": "s"}, "zero"),
    )

    values: list[Value] = [1, True, 1.0, 0, False, True, 1, [True], [1]]
    found_names = [names(found, {"f": value}) for value in values]

    assert found_names == [
        ["one"], ["true"], ["one"], ["zero"], [], ["true"], ["one"], ["true"], ["one"],
    ]  # fmt: skip


def test_a_reference_to_another_field_is_decided_event_by_event() -> None:
    found = engine(
        rule({"s": {"a|fieldref": "b", "c": 1}, "condition": "s"}),
        rule({"s": {"a|fieldref": "b"}, "t": {"c": 1}, "condition": "t and not s"}, "differs"),
    )

    assert names(found, {"a": "X", "b": "x", "c": 1}) == ["rule"]
    assert names(found, {"a": "X", "b": "y", "c": 1}) == ["differs"]
    assert names(found, {"a": ["q", "y"], "b": "y", "c": 1}) == ["rule"]
    assert names(found, {"a": "y", "c": 1}) == ["differs"]


def test_a_rule_of_negations_alone_matches_what_has_none_of_it() -> None:
    found = engine(rule({"f": {"a": "x"}, "condition": "not f"}))

    assert names(found, {}) == ["rule"]
    assert names(found, {"b": 1}) == ["rule"]
    assert names(found, {"a": "x"}) == []


def test_field_names_in_any_order_and_number_give_the_same_answer() -> None:
    found = engine(rule({"s": {"a": 1, "b": 2}, "condition": "s"}))

    for index in range(5_000):
        noise: dict[str, Value] = {f"noise{index}": index, f"more{index}": "x"}
        assert names(found, {"b": 2, **noise, "a": 1}) == ["rule"]
        assert names(found, {**noise, "b": 2}) == []


def test_more_log_sources_than_rules_can_mean_are_forgotten() -> None:
    found = engine(
        *(rule({"s": {"f": 1}, "condition": "s"}, f"r{n}", service=f"s{n}") for n in range(30))
    )

    for index in range(2_000):
        services = [f"s{number}" for number in range(30) if index >> (number % 11) & 1]
        event: dict[str, Value] = {"f": 1, "logsource.service": [*services, f"x{index}"]}
        assert len(found.evaluate(event, "")) == len(services)


def test_a_small_memory_forgets_and_goes_on() -> None:
    found = engine(rule({"s": {"f|contains": "needle"}, "condition": "s"}), memo_bytes=10_000)

    for index in range(2_000):
        assert names(found, {"f": f"{index} hay"}) == []
        assert names(found, {"f": f"{index} needle"}) == ["rule"]


@pytest.mark.timeout(60)  # what backtracks would not end today
@pytest.mark.parametrize(
    "value", ["x" * 1_000_000 + "needle", ["x"] * 10_000 + ["needle"], "a" * 1_000_000 + "!needle"]
)
def test_a_hostile_value_takes_no_longer_than_it_is(value: Value) -> None:
    found = engine(
        rule({"s": {"f|contains": "needle"}, "condition": "s"}),
        rule({"s": {"f|re": "(a+)+$"}, "condition": "s"}, "redos"),
        rule({"s": {"f": "*a*a*a*a*a*a*a*b?"}, "condition": "s"}, "wildcards"),
        *(rule({"s": {"f|contains": f"w{n}"}, "condition": "s"}, f"w{n}") for n in range(50)),
    )

    assert names(found, {"f": value}) == ["rule"]
