import pytest
import yaml

from detections.compiler import Rule
from detections.documents import compile_text
from detections.explain import MAX_SEEN_CHARS, Explanation, explain, in_words
from detections.log_source import EventSources
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

TEST = EventSources(frozenset(), frozenset({"test"}), frozenset())


def rule(detection: dict[str, object]) -> Rule:
    written = {"title": "t", "logsource": {"category": "test"}, "detection": detection}
    [found] = compile_text(yaml.safe_dump(written))
    assert isinstance(found, Rule)
    return found


def test_every_node_says_what_it_wanted_what_it_saw_and_whether_it_holds() -> None:
    found = explain(
        rule(
            {
                "s": {"Image|endswith": ["\\cmd.exe", "\\sh"]},
                "f": {"User": "SYSTEM"},
                "condition": "s and not f",
            }
        ),
        {"Image": "C:\\CMD.exe"},
        "",
        TEST,
    )

    assert found.matches
    assert found.condition == Explanation(
        kind="all",
        holds=True,
        nodes=(
            Explanation(
                kind="any",
                holds=True,
                nodes=(
                    Explanation(
                        kind="item",
                        holds=True,
                        test='ends with "\\cmd.exe"',
                        field="Image",
                        seen="C:\\CMD.exe",
                    ),
                    Explanation(
                        kind="item",
                        holds=False,
                        test='ends with "\\sh"',
                        field="Image",
                        seen="C:\\CMD.exe",
                    ),
                ),
            ),
            Explanation(
                kind="not",
                holds=True,
                nodes=(
                    Explanation(kind="item", holds=False, test='equals "system"', field="User"),
                ),
            ),
        ),
    )


def test_a_rule_that_is_not_meant_for_the_event_does_not_match_though_its_condition_holds() -> None:
    found = explain(rule({"s": {"f": 1}, "condition": "s"}), {"f": 1}, "")

    assert not found.matches
    assert not found.log_source_holds
    assert found.condition.holds


def test_a_keyword_shows_where_it_was_found() -> None:
    evil = rule({"k": ["evil"], "condition": "k"})

    assert explain(evil, {"a": "an EVIL word"}, "", TEST).condition.seen == "an EVIL word"
    assert explain(evil, {"a": "x"}, "evil raw", TEST).condition.seen == "evil raw"
    assert explain(evil, {"a": "x"}, "", TEST).condition.seen is None


def test_a_long_value_is_shown_cut() -> None:
    found = explain(rule({"s": {"f": "*x"}, "condition": "s"}), {"f": "y" * 9_000}, "", TEST)

    assert isinstance(found.condition.seen, str)
    assert len(found.condition.seen) == MAX_SEEN_CHARS


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (Text("contains", "a", cased=True), 'contains "a" (case-sensitive)'),
        (Wildcard(("a", None, "", "b")), 'is like "a*?b"'),
        (Regex("a+", "i"), "matches /a+/i"),
        (Cidr("10.0.0.0/8"), "is inside 10.0.0.0/8"),
        (Compare("gte", 3), "≥ 3"),
        (TimePart("hour", 3), "has hour 3"),
        (Exists(True), "is present"),
        (Exists(False), "is missing"),
        (IsNull(), "is missing or null"),
        (FieldReference("b"), "equals the field b"),
        (FieldReference("b", starts=True), "starts with the field b"),
        (FieldReference("b", ends=True), "ends with the field b"),
        (FieldReference("b", starts=True, ends=True), "contains the field b"),
    ],
)
def test_a_test_can_be_said_in_words(test: Test, words: str) -> None:
    assert in_words(test) == words
