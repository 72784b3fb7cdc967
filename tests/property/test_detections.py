"""The engine and explain against a plain walk of pySigma's own condition tree.

The reference below shares no code with what it judges: it reads pySigma's tree, not ours, and holds
every rule against every event. Small alphabets make coincidences likely.
"""

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from detections.compiler import Rule
from detections.documents import compile_text
from detections.engine import Engine
from detections.explain import explain
from detections.literals import required_literal
from detections.log_source import EventSources
from detections.rule_set import RuleSet
from pipeline.schema.event import Scalar, Value

TEST = EventSources(frozenset(), frozenset({"test"}), frozenset())

texts = st.text(alphabet="aAbB\\*?.1ä/ \n", max_size=6)
numbers = st.sampled_from([0, 1, -1, 2, 10, 0.5, 1.0])
field_names = st.sampled_from(["f", "g", "h"])
addresses = st.sampled_from(["10.1.2.3", "11.0.0.1", "::1", "10.1.2.3 "])
scalars: st.SearchStrategy[Scalar] = st.one_of(texts, numbers, st.booleans(), addresses)
values: st.SearchStrategy[Value] = st.one_of(scalars, st.lists(scalars, max_size=3))
events = st.dictionaries(field_names, values, max_size=3)

patterns = st.sampled_from(["a+", "^A", "b$", "[ab]1", "a|1", r"\d", "ä", "(?:ab)+", "a.b"])
rule_values: st.SearchStrategy[Any] = st.one_of(texts, numbers, st.booleans(), st.none())


@st.composite
def detection_items(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(field_names)
    kinds = ["", "text", "re", "cidr", "number", "exists", "ref", "neq", "all"]
    kind = draw(st.sampled_from(kinds))
    if kind == "text":
        place = draw(st.sampled_from(["contains", "startswith", "endswith"]))
        cased = draw(st.sampled_from(["", "|cased"]))
        return {f"{name}|{place}{cased}": draw(st.lists(texts, min_size=1, max_size=3))}
    if kind == "all":
        return {f"{name}|contains|all": draw(st.lists(texts, min_size=2, max_size=3))}
    if kind == "re":
        return {f"{name}|re{draw(st.sampled_from(['', '|i', '|i|s']))}": draw(patterns)}
    if kind == "cidr":
        return {f"{name}|cidr": draw(st.sampled_from(["10.0.0.0/8", "::/0", "0.0.0.0/0"]))}
    if kind == "number":
        operator = draw(st.sampled_from(["lt", "lte", "gt", "gte"]))
        return {f"{name}|{operator}": draw(numbers)}
    if kind == "exists":
        return {f"{name}|exists": draw(st.booleans())}
    if kind == "ref":
        affix = draw(st.sampled_from(["", "|contains", "|startswith", "|endswith"]))
        return {f"{name}|fieldref{affix}": draw(field_names)}
    if kind == "neq":
        return {f"{name}|neq": draw(texts)}
    return {name: draw(st.one_of(rule_values, st.lists(rule_values, min_size=1, max_size=3)))}


detections = st.one_of(
    st.lists(detection_items(), min_size=1, max_size=2).map(
        lambda found: {name: value for one in found for name, value in one.items()}
    ),
    st.lists(detection_items(), min_size=1, max_size=2),
    st.lists(st.one_of(texts, numbers), min_size=1, max_size=2),
)
CONDITIONS = [
    "s1",
    "not s1",
    "s1 and s2",
    "s1 or s2",
    "s1 and not s2",
    "not (s1 or s2)",
    "not s1 and not s2 or s3",
    "1 of s*",
    "all of s*",
    "s1 and not 1 of s*",
    "(s1 or s2) and (s2 or s3)",
    "s1 and (s2 or not s3)",
    "2 of s*",
    "not 2 of s* or s1",
    "s1 and not 2 of them",
]
# pySigma counts no further than 1.
TWO_OF_THREE = "(s1 and s2 or s1 and s3 or s2 and s3)"


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    found = {name: draw(detections) for name in ("s1", "s2", "s3")}
    condition = draw(st.sampled_from(CONDITIONS))
    return {
        "title": "t",
        "logsource": {"category": "test"},
        "detection": {**found, "condition": condition},
    }


def elements(value: Value) -> list[Scalar]:
    return value if isinstance(value, list) else [value]


def as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


def as_glob(value: SigmaString, *, keyword: bool) -> str:
    pieces = {SpecialChars.WILDCARD_MULTI: "*", SpecialChars.WILDCARD_SINGLE: "?"}
    glob = "".join(
        re.sub(r"([*?[])", r"[\1]", part) if isinstance(part, str) else pieces[part]  # type: ignore[index]
        for part in value.s
    )
    return f"*{glob}*" if keyword else glob


def satisfies(value: object, text: str, *, keyword: bool = False) -> bool:
    """Whether a present value's text satisfies pySigma's value."""
    match value:
        case SigmaExpansion():
            return any(satisfies(inner, text, keyword=keyword) for inner in value.values)
        case SigmaString():
            cased = type(value).__name__ == "SigmaCasedString"
            glob = as_glob(value, keyword=keyword)
            expression = fnmatch.translate(glob if cased else glob.lower())
            return re.match(expression, text if cased else text.lower()) is not None
        case SigmaNumber():
            wanted = as_text(value.number)
            return wanted in text.lower() if keyword else wanted == text.lower()
        case SigmaBool():
            return as_text(value.boolean) == text.lower()
        case SigmaExists():
            return value.exists
        case SigmaRegularExpression():
            flags = 0
            for flag in value.flags:
                flags |= {"IGNORECASE": re.I, "MULTILINE": re.M, "DOTALL": re.S}[flag.name]
            pattern = value.regexp.original.replace("$", r"\Z").replace(r"\d", "[0-9]")
            return re.search(pattern, text, flags) is not None
        case SigmaCIDRExpression():
            plain = text == text.strip()
            inside = {"10.0.0.0/8": ["10.1.2.3"], "0.0.0.0/0": ["10.1.2.3", "11.0.0.1"]}
            return plain and text in inside.get(value.cidr, ["::1"])
        case SigmaCompareExpression():
            try:
                number = float(text) if text == text.strip() else None
            except ValueError:
                return False
            wanted_number = value.number.number if isinstance(value.number, SigmaNumber) else 0
            return (
                number is not None
                and {
                    "LT": number < wanted_number,
                    "LTE": number <= wanted_number,
                    "GT": number > wanted_number,
                    "GTE": number >= wanted_number,
                }[value.op.name]
            )
    raise AssertionError(value)


def holds(node: Any, event: Mapping[str, Value], raw: str) -> bool:
    """A plain walk of pySigma's tree."""
    match node:
        case ConditionAND():
            return all(holds(inner, event, raw) for inner in node.args)
        case ConditionOR():
            return any(holds(inner, event, raw) for inner in node.args)
        case ConditionNOT():
            return not holds(node.args[0], event, raw)
        case ConditionValueExpression():
            texts = [as_text(one) for value in event.values() for one in elements(value)]
            texts += [raw] if raw and not raw.startswith("{") else []
            return any(satisfies(node.value, text, keyword=True) for text in texts)
        case ConditionFieldEqualsValueExpression():
            return item_holds(node, event)
    raise AssertionError(node)


def item_holds(node: ConditionFieldEqualsValueExpression, event: Mapping[str, Value]) -> bool:
    wanted = node.value
    if node.field not in event:
        missing = isinstance(wanted, SigmaExists) and not wanted.exists
        return missing or isinstance(wanted, SigmaNull)
    if isinstance(wanted, SigmaNull):
        return False
    if isinstance(wanted, SigmaExists):
        return wanted.exists and bool(elements(event[node.field]))
    own = [as_text(one).lower() for one in elements(event[node.field])]
    if isinstance(wanted, SigmaFieldReference):
        others = [as_text(one).lower() for one in elements(event.get(wanted.field, []))]
        return any(
            (wanted.starts_with and wanted.ends_with and other in one)
            or (wanted.starts_with and not wanted.ends_with and one.startswith(other))
            or (wanted.ends_with and not wanted.starts_with and one.endswith(other))
            or one == other
            for one in own
            for other in others
        )
    return any(satisfies(wanted, as_text(one)) for one in elements(event[node.field]))


def reference(written: dict[str, Any]) -> SigmaRule:
    """A rule as pySigma reads it."""
    condition = re.sub(r"2 of (s\*|them)", TWO_OF_THREE, written["detection"]["condition"])
    detection = {**written["detection"], "condition": condition}
    return SigmaRule.from_dict({**written, "detection": detection})


def compiled(written: Mapping[str, Any]) -> Rule | None:
    [found] = compile_text(yaml.safe_dump(written, allow_unicode=True))
    return found if isinstance(found, Rule) else None


@settings(max_examples=300)
@given(
    written=st.lists(rules(), min_size=1, max_size=5),
    seen=st.lists(st.tuples(events, texts), min_size=1, max_size=6),
)
def test_engine_explain_and_a_plain_walk_of_the_tree_agree(
    written: list[dict[str, Any]], seen: list[tuple[dict[str, Value], str]]
) -> None:
    pairs = [(rule, reference(one)) for one in written if (rule := compiled(one))]
    engine = Engine(RuleSet(rules=[rule for rule, _ in pairs]), memo_bytes=2_000)

    for event, raw in [*seen, *seen]:  # the second time from memory
        found = [id(match.rule) for match in engine.evaluate(event, raw, TEST)]
        expected = [
            id(rule)
            for rule, parsed in pairs
            if any(holds(one.parsed, event, raw) for one in parsed.detection.parsed_condition)
        ]
        assert found == expected
        for rule, _ in pairs:
            assert explain(rule, event, raw, TEST).matches == (id(rule) in expected)


@settings(max_examples=150)
@given(
    written=st.lists(rules(), min_size=1, max_size=8),
    seen=st.lists(st.tuples(events, texts), min_size=1, max_size=6),
)
def test_rules_together_find_what_each_finds_alone(
    written: list[dict[str, Any]], seen: list[tuple[dict[str, Value], str]]
) -> None:
    found = [rule for one in written if (rule := compiled(one))]
    together = Engine(RuleSet(rules=found))
    alone = [Engine(RuleSet(rules=[rule])) for rule in found]

    for event, raw in seen:
        matches = [match for one in alone for match in one.evaluate(event, raw, TEST)]
        assert together.evaluate(event, raw, TEST) == matches


@pytest.mark.filterwarnings("ignore::FutureWarning")
@settings(max_examples=500)
@given(
    pattern=st.text(alphabet="abkS()[]|*+?.{}12,^$\\d", max_size=12),
    flags=st.sampled_from(["", "i"]),
    data=st.data(),
)
def test_every_match_of_a_pattern_contains_the_literal_it_requires(
    pattern: str, flags: str, data: st.DataObject
) -> None:
    try:
        re.compile(pattern, re.I if flags else 0)
    except (re.error, OverflowError):
        return
    literal = required_literal(pattern, flags)
    if not literal:
        return
    text = data.draw(st.from_regex(re.compile(pattern, re.I if flags else 0)))

    assert literal in text.lower()
