"""Every modifier of the specification's appendix, from a document to what it matches."""

import datetime
import re
from base64 import b64encode
from typing import Any

import pytest
import yaml

from detections.compiler import Rule, items
from detections.documents import Document, compile_text
from detections.engine import Engine
from detections.errors import RuleProblem
from detections.log_source import EventSources
from detections.matchers import Compare, FieldReference, Regex, Test, Text, TimePart
from detections.processing import Processing
from detections.rule_set import RuleSet
from pipeline.schema.event import Value

TEST = EventSources(frozenset(), frozenset({"test"}), frozenset())
VALUES = Processing(
    placeholders={
        "hosts": ("srv*", "a.b", r"x\*y"),
        "nets": ("10.0.0.0/8", "192.168.0.0/16"),
        "many": tuple(map(str, range(101))),
    }
)


def document(item: Any, processing: Processing = VALUES) -> Document:
    rule = {
        "title": "t",
        "logsource": {"category": "test"},
        "detection": {"s": item, "condition": "s"},
    }
    [found] = compile_text(yaml.safe_dump(rule, allow_unicode=True), processing=processing)
    return found


def compiled(item: Any, processing: Processing = VALUES) -> Rule:
    found = document(item, processing)
    assert isinstance(found, Rule), found
    return found


def problem(item: Any) -> str:
    found = document(item)
    assert isinstance(found, RuleProblem)
    return found.reason


def asked(item: Any) -> list[Test]:
    return [one.test for one in items(compiled(item).condition)]


def matches(item: Any, *values: Value, **fields: Value) -> list[bool]:
    """Whether a detection matches events with these values of ``f``."""
    engine = Engine(RuleSet(rules=[compiled(item)]))
    return [bool(engine.evaluate({"f": value, **fields}, "", TEST)) for value in values]


def encoded(text: str, encoding: str = "utf-8", prefix: bytes = b"") -> str:
    return b64encode(prefix + text.encode(encoding)).decode()


@pytest.mark.parametrize(
    ("name", "encoding", "prefix"),
    [
        ("utf16le", "utf-16-le", b""),
        ("wide", "utf-16-le", b""),
        ("utf16be", "utf-16-be", b""),
        ("utf16", "utf-16-le", b"\xff\xfe"),
    ],
)
@pytest.mark.parametrize("text", ["cmd", "Grüße", "日本"])
def test_utf_16_is_encoded_as_its_bytes(name: str, encoding: str, prefix: bytes, text: str) -> None:
    assert matches({f"f|{name}|base64": text}, encoded(text, encoding, prefix), text) == [
        True,
        False,
    ]
    plain = (prefix + text.encode(encoding)).decode("latin-1")
    assert matches({f"f|{name}|contains": text}, f"<{plain}>", text) == [True, False]


@pytest.mark.parametrize("text", ["foobar", "größer", "http://x/?a", "a*b", "日本"])
@pytest.mark.parametrize("shift", range(5))
def test_base64offset_finds_a_text_at_any_place(text: str, shift: int) -> None:
    written = text.replace("*", r"\*").replace("?", r"\?")
    value = encoded("." * shift + text + "tail")

    assert matches({"f|base64offset|contains": written}, value, encoded("other")) == [True, False]
    wide = b64encode(b"." * shift + text.encode("utf-16-le") + b"..").decode()
    assert matches({"f|utf16le|base64offset|contains": written}, wide, value) == [True, False]


def test_base64_takes_an_escaped_wildcard_as_it_is_meant_and_no_other() -> None:
    assert asked({"f|base64": r"a\*"}) == [Text("equals", encoded("a*").lower())]
    assert asked({"f|cased|base64": "ab"}) == [Text("equals", encoded("ab"), cased=True)]
    assert "wildcards" in problem({"f|base64": "a*"})
    assert "wildcards" in problem({"f|base64offset|contains": "a?"})


def test_windash_takes_every_dash_for_every_other() -> None:
    dashes = ("-", "/", "\u2013", "\u2014", "\u2015")
    for written in dashes:
        item = {"f|windash|contains": f" {written}enc "}
        assert matches(item, *(f"x {dash}ENC y" for dash in dashes), "x +enc y") == [
            *[True] * 5,
            False,
        ]
    assert matches({"f|windash": "-a-b"}, "/a-b", "-a/b") == [True, False]
    assert matches({"f|windash|cased": "-A"}, "/A", "/a") == [True, False]
    assert matches({"f|cased|windash": "-A"}, "/A", "/a") == [True, False]
    both = {"f|windash|contains|all": ["-a", "-b"]}
    assert matches(both, "/a -b", "-a") == [True, False]
    assert "more than 10000" in problem({"f|windash": "-a -b -c -d -e -f"})


def test_a_regular_expression_has_flags_of_its_own() -> None:
    assert asked({"f|re|i": "A+"}) == [Regex("A+", "i")]
    assert asked({"f|re|ignorecase|multiline|dotall": "A?"}) == [Regex("A?", "ims")]
    assert asked({"f|re|contains": "a*"}) == [Regex("a*")]
    assert asked({"f|re|cased": "a"}) == [Regex("a")]
    assert asked({"f|re": 10}) == [Regex("10")]
    assert matches({"f|re|m": "^b$"}, "a\nb", "ab") == [True, False]
    assert matches({"f|re|s": "a.b"}, "a\nb") == [True]
    assert matches({"f|re": "a.b"}, "a\nb", "A.b", "a.b") == [False, False, True]
    assert "by ^" in problem({"f|re|startswith": "a"})
    assert "by $" in problem({"f|re|endswith": "a"})
    assert problem({"f|i": "a"})
    assert "no regular expression" in problem({"f|re": None})


def test_numbers_are_compared_with_fractions_and_ranges() -> None:
    assert asked({"f|gt": 0.5}) == [Compare("gt", 0.5)]
    assert matches({"f|gt": 1, "f|lte": 2.5}, 1, 1.5, "2.5", 2.6) == [False, True, True, False]
    assert matches({"f|lt": -0.5}, -1, -0.5, "x") == [True, False, False]
    assert matches({"f|gte": 3}, 3, 2.99, [1, 7]) == [True, False, True]


def test_neq_is_the_negation_of_the_whole() -> None:
    assert matches({"f|neq": ["a", "b"]}, "a", "B", "c", "") == [False, False, True, True]
    assert matches({"f|contains|neq": "a"}, "xax", "y") == [False, True]
    assert matches({"f|neq": 5}, "5", 6) == [False, True]
    assert matches({"f|re|neq": "^a"}, "ab", "ba") == [False, True]
    assert matches({"f|cidr|neq": "10.0.0.0/8"}, "10.1.1.1", "11.1.1.1") == [False, True]
    assert matches({"g|neq": "a"}, "x") == [True]  # a missing field is different


def test_a_part_of_a_date_is_a_number_or_compared_with_one() -> None:
    at = "2026-08-05T14:37:00+02:00"
    for part, number in {
        "minute": 37,
        "hour": 14,
        "day": 5,
        "week": 32,
        "month": 8,
        "year": 2026,
    }.items():
        assert matches({f"f|{part}": number}, at, "no date") == [True, False]
        assert matches({f"f|{part}": number + 1}, at) == [False]
    assert asked({"f|hour|gte": 22}) == [TimePart("hour", 22, "gte")]
    assert matches({"f|hour|gte": 14, "f|hour|lt": 15}, at, "2026-08-05T15:00:00") == [True, False]
    assert matches({"f|hour": [6, 14]}, at) == [True]
    assert "whole number" in problem({"f|hour": 1.5})


@pytest.mark.parametrize(
    ("modifiers", "test", "holds"),
    [
        ("fieldref", FieldReference("g"), ["Bob"]),
        ("fieldref|startswith", FieldReference("g", starts=True), ["Bob", "bobby"]),
        ("startswith|fieldref", FieldReference("g", starts=True), ["Bob", "bobby"]),
        ("fieldref|endswith", FieldReference("g", ends=True), ["Bob", r"corp\BOB"]),
        ("fieldref|contains", FieldReference("g", True, True), ["Bob", "bobby", r"corp\BOB"]),
        ("contains|fieldref", FieldReference("g", True, True), ["Bob", "bobby", r"corp\BOB"]),
        ("fieldref|cased", FieldReference("g", cased=True), ["Bob"]),
        ("cased|fieldref|startswith", FieldReference("g", True, cased=True), ["Bob"]),
        ("fieldref|neq", FieldReference("g"), ["bobby", r"corp\BOB", "x"]),
    ],
)
def test_a_field_is_compared_with_another(
    modifiers: str, test: FieldReference, holds: list[str]
) -> None:
    item, values = {f"f|{modifiers}": "g"}, ["Bob", "bobby", r"corp\BOB", "x"]

    assert asked(item) == [test]
    assert matches(item, *values, g="Bob") == [value in holds for value in values]


def test_a_field_reference_is_a_name() -> None:
    assert "name of a field" in problem({"f|fieldref": "g*"})
    assert "name of a field" in problem({"f|fieldref": ""})
    assert problem({"|fieldref": "g"})


def test_placeholders_take_each_of_their_values() -> None:
    assert matches({"f|expand": "%hosts%"}, "SRV1", "a.b", "axb", "x*y", "xay") == [
        *(True, True, False, True, False)
    ]
    assert matches({"f|contains|expand": "-%hosts%-"}, "<-a.b->", "a.b") == [True, False]
    assert matches({"f|expand|endswith": "%hosts%"}, "www.a.b") == [True]
    assert matches({"f|cased|expand": "%hosts%"}, "A.b", "a.b") == [False, True]
    assert matches({"f|expand|base64offset|contains": ["q%nets%"]}, encoded("q10.0.0.0/8.")) == [
        True
    ]
    both = {"f|expand|contains|all": ["%hosts%", "z"]}
    assert matches(both, "a.b z", "a.b", "z") == [True, False, False]
    assert matches({"|expand": "%hosts%"}, "an a.b") == [True]


@pytest.mark.parametrize("modifiers", ["cidr|expand", "expand|cidr"])
def test_placeholders_may_be_networks(modifiers: str) -> None:
    item = {f"f|{modifiers}": "%nets%"}

    assert matches(item, "10.1.1.1", "192.168.1.1", "8.8.8.8") == [True, True, False]


def test_placeholders_are_text_in_a_regular_expression() -> None:
    item = {"f|re|expand": "^%hosts%[0-9]$"}

    assert matches(item, "srvx1", "a.b1", "axb1", "x*y1", "a.b") == [
        *(True, True, False, True, False)
    ]
    assert matches({"f|re|i|expand": "^%hosts%$"}, "A.B") == [True]


def test_a_percent_sign_without_expand_or_escaped_is_itself() -> None:
    assert matches({"f": "%hosts%"}, "%hosts%", "a.b") == [True, False]
    assert matches({"f|expand": r"\%plain%hosts%"}, "%plaina.b", "a.b") == [True, False]
    assert matches({"f|expand": "no placeholder"}, "no placeholder") == [True]


def test_placeholders_without_a_value_or_with_too_many_are_named() -> None:
    assert "placeholder %other% has no value" in problem({"f|expand": "%other%"})
    assert "placeholder %other% has no value" in problem({"f|expand": "%hosts%%other%"})
    assert "placeholder %other% has no value" in problem({"f|re|expand": "a%other%"})
    assert "placeholder %other% has no value" in problem({"f|expand|base64": "%other%"})
    assert "more than 10000" in problem({"f|expand": "%many%%many%"})


def test_keywords_may_be_lists_maps_and_both() -> None:
    assert matches(["evil", 4711], "so EVIL", "id=4711", "good") == [True, True, False]
    assert matches({"|all": ["a", "b"]}, "b a", "a") == [True, False]
    assert matches(["evil", {"f": "x", "g": "y"}], "evil", "x", "z", g="y") == [True, True, False]
    assert matches([["evil"], {"f|startswith": "x"}], "x1", "devil") == [True, True]
    assert matches({"|re": "a+b"}, "xaab", "b") == [True, False]
    assert matches("evil", "an evil", "x") == [True, False]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"f|like": "x"}, "'like'"),
        ({"f": {"a": 1}}, "dict is no value"),
        ({"f|cidr": "10.0.0.1/8"}, "CIDR"),
        ({"f|contains|cidr": "10.0.0.0/8"}, "as they are"),
        ({"f|exists": "yes please"}, "xists"),
        ({"f|gt": "x"}, "incompatible"),
        ([[[[[]]]], {"f": 1}], "eyword|Null"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(item: Any, reason: str) -> None:

    assert re.search(reason, problem(item)), problem(item)


def test_a_date_of_yaml_is_its_text() -> None:

    assert matches({"f": datetime.date(2026, 8, 5)}, "2026-08-05") == [True]


def test_a_rule_with_placeholders_is_another_revision_with_other_values() -> None:
    item = {"f|expand": "%hosts%"}
    other = Processing(placeholders={"hosts": ("x",)})

    assert compiled(item).revision == compiled(item).revision != compiled(item, other).revision
    assert compiled({"f": "x"}).revision == compiled({"f": "x"}, other).revision
