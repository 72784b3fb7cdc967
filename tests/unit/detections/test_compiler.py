from typing import Any as Anything

import pytest
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from detections.compiler import (
    All,
    Any,
    AtLeast,
    Item,
    Node,
    Not,
    compile_condition,
    condition_over,
    items,
)
from detections.errors import RuleRejected
from detections.matchers import (
    Cidr,
    Compare,
    Exists,
    FieldReference,
    IsNull,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
)


def compiled(detection: dict[str, Anything]) -> Node:
    rule = {"title": "t", "logsource": {"category": "test"}, "detection": detection}
    return compile_condition(SigmaRule.from_dict(rule))


@pytest.mark.parametrize(
    ("written", "test"),
    [
        ({"f": "CMD.exe"}, Text("equals", "cmd.exe")),
        ({"f": ""}, Text("equals", "")),
        ({"f": "*"}, Text("contains", "")),
        ({"f": "a*"}, Text("startswith", "a")),
        ({"f": "*a"}, Text("endswith", "a")),
        ({"f|contains": "a"}, Text("contains", "a")),
        ({"f|contains": "*a*"}, Text("contains", "a")),
        ({"f": "a**b?"}, Wildcard(("a", None, "b", ""))),
        ({"f": "?"}, Wildcard(("",))),
        ({"f": r"a\*b"}, Text("equals", "a*b")),
        ({"f": r"a\\*"}, Text("startswith", "a\\")),
        ({"f|contains|cased": "Bb"}, Text("contains", "Bb", cased=True)),
        ({"f": 7}, Text("equals", "7")),
        ({"f": 0.5}, Text("equals", "0.5")),
        ({"f": True}, Text("equals", "true")),
        ({"f": None}, IsNull()),
        ({"f": []}, IsNull()),
        ({"f|exists": False}, Exists(False)),
        ({"f|re|i|m|s": "A+"}, Regex("A+", "ims")),
        ({"f|cidr": "10.0.0.0/8"}, Cidr("10.0.0.0/8")),
        ({"f|gt": 0.5}, Compare("gt", 0.5)),
        ({"f|fieldref|endswith": "g"}, FieldReference("g", ends=True)),
        ({"f|minute": 4}, TimePart("minute", 4)),
    ],
)
def test_a_detection_item_becomes_the_simplest_test(
    written: dict[str, Anything], test: Test
) -> None:
    assert compiled({"s": written, "condition": "s"}) == Item("f", test)


@pytest.mark.parametrize(
    ("written", "test"),
    [
        ("Evil", Text("contains", "evil")),
        ("a*b", Wildcard((None, "a", None, "b", None))),
        (7, Text("contains", "7")),
    ],
)
def test_a_keyword_is_found_anywhere(written: str | int, test: Test) -> None:
    assert compiled({"k": [written], "condition": "k"}) == Item(None, test)


def test_conditions_of_one_kind_are_dissolved_in_each_other() -> None:
    a, b, c, d = (Item(name, Text("equals", "1")) for name in "abcd")
    detection = {name: {name: 1} for name in "abcd"}

    assert compiled({**detection, "condition": "a and (b and (c and d))"}) == All((a, b, c, d))
    assert compiled({**detection, "condition": "a or b or not c"}) == Any((a, b, Not(c)))
    assert compiled({**detection, "condition": ["a", "b"]}) == Any((a, b))


def test_a_number_of_detections_may_be_asked_for() -> None:
    a, b, c = (Item(name, Text("equals", "1")) for name in "abc")
    detection = {f"s_{name}": {name: 1} for name in "abc"}

    assert compiled({**detection, "condition": "2 of s_*"}) == AtLeast(2, (a, b, c))
    assert compiled({**detection, "condition": "3 of them"}) == All((a, b, c))
    assert compiled({**detection, "condition": "1 of them"}) == Any((a, b, c))
    assert compiled({**detection, "condition": "any of s_*"}) == Any((a, b, c))


def test_a_detection_may_begin_with_an_operator() -> None:
    detection = {"epad": {"f": 1}, "notepad": {"f": 2}, "condition": "notepad"}

    assert compiled(detection) == Item("f", Text("equals", "2"))


def test_windash_becomes_alternatives() -> None:
    found = compiled({"s": {"f|windash": "-x"}, "condition": "s"})

    assert {item.test.text for item in items(found) if isinstance(item.test, Text)} >= {"-x", "/x"}


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        ({"s": {"f|expand": "%hosts%"}, "condition": "s"}, "placeholder %hosts%"),
        ({"s": {"f": 1}, "condition": "s and not 1 of filter_*"}, "matches none"),
        ({"s": {"f": 1}, "condition": "1 of x*"}, "matches none"),
        ({"s": {"f": 1}, "condition": "s and other"}, "no detection 'other'"),
        ({"s1": {"f": 1}, "s2": {"f": 1}, "condition": "3 of s*"}, "3 of 's\\*', which are 2"),
        ({"s": {"f": ["x"] * 20_000}, "condition": " or ".join(["s"] * 6)}, "100000 tests"),
        ({"s": {"f|re": "(?=a)"}, "condition": "s"}, "outside Sigma's flavor"),
        ({"k": {"|cidr": "10.0.0.0/8"}, "condition": "k"}, "keyword cannot be a SigmaCIDR"),
    ],
)
def test_what_cannot_be_evaluated_is_rejected_by_name(
    detection: dict[str, Anything], reason: str
) -> None:
    with pytest.raises((RuleRejected, SigmaError), match=reason):
        compiled(detection)


def test_a_condition_holds_by_the_numbers_of_the_items_that_do() -> None:
    a, b, c = (Item(name, Text("equals", "1")) for name in "abc")
    node = All((a, Any((b, All((b, c)))), Not(c)))
    condition = condition_over(node, [a, b, c].index)
    two = condition_over(AtLeast(2, (a, b, Not(c))), [a, b, c].index)

    assert condition({0, 1})
    assert not condition({0})
    assert not condition({0, 1, 2})
    assert not condition(frozenset())
    seen: list[set[int]] = [set(), {0}, {0, 2}, {0, 1, 2}, {1}]
    assert [two(found) for found in seen] == [False, True, False, True, True]


def test_an_empty_conjunction_holds_and_an_empty_disjunction_does_not() -> None:
    assert condition_over(All(()), lambda item: 0)(set())
    assert not condition_over(Any(()), lambda item: 0)(set())
