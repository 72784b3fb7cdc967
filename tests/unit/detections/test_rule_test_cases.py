"""A file of rule tests: the events that its cases mean, and what is no case at all."""

from itertools import pairwise

import pytest

from detections.errors import RuleTestsInvalid
from detections.rule_test_cases import MAX_EVENTS, MAX_TESTS, read_tests


def test_a_case_gives_events_that_vary_in_time_and_value() -> None:
    (case,) = read_tests(
        "logsource: {product: linux, service: [sshd, auth]}\n"
        "match:\n  - event: {c-ip: 203.0.113.9, n: 1}\n    raw: a line\n    times: 3\n"
        "    every: 1.5\n    vary: {user: [a, [b, c]]}\n",
        "x.tests.yml",
    )

    events = list(case.events())

    assert (case.path, case.line, case.name, case.must_match) == ("x.tests.yml", 3, "match 1", True)
    assert [event.fields["user"] for event in events] == ["a", ["b", "c"], "a"]
    assert [(event.time - events[0].time).total_seconds() for event in events] == [0, 1.5, 3]
    assert len({event.id for event in events}) == 3
    assert events[0].raw == b"a line"
    assert events[0].fields == {
        "c-ip": "203.0.113.9",
        "source.ip": "203.0.113.9",
        "n": 1,
        "logsource.product": "linux",
        "logsource.service": ["sshd", "auth"],
        "user": "a",
        "user.name": "a",
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "empty"),
        ("match: [", 2, "not YAML"),
        ("match: [{event: {a: 1}}]\nmatch: []", 1, "'match' stands twice"),
        ("match:\n  - event: {a: 1, a: 2}", 2, "'a' stands twice"),
        ("- a", 1, "a file of tests is a mapping"),
        ("match: []", 1, "neither match nor no_match"),
        ("match:\n  - event: {a: 1}\nmatches: []", 1, "has no 'matches'"),
        ("match: {event: {a: 1}}", 1, "match is a list"),
        ("logsource: {produkt: linux}\nmatch: []", 1, "has no 'produkt'"),
        ("match:\n  - event: {a: 1}\n  - events: {a: 1}", 3, "has no 'events'"),
        ("match:\n  - 7", 2, "a case is a mapping"),
        ("match:\n  - name: nothing", 2, "a case has an event"),
        ("match:\n  - event: {a: {b: 1}}", 2, "a is neither"),
        ("match:\n  - event: {a: 2026-03-01}", 2, "a is neither"),
        ("match:\n  - event: {a: 1}\n    times: 0", 2, f"from 1 to {MAX_EVENTS}, not 0"),
        ("match:\n  - event: {a: 1}\n    times: 10001", 2, "not 10001"),
        ("match:\n  - event: {a: 1}\n    times: true", 2, "not True"),
        ("match:\n  - event: {a: 1}\n    every: .nan", 2, "not nan"),
        ("match:\n  - event: {a: 1}\n    every: -1", 2, "not -1"),
        ("match:\n  - event: {a: 1}\n    vary: {a: []}", 2, "vary gives fields lists"),
        ("match:\n" + "  - event: {a: 1}\n" * (MAX_TESTS + 1), MAX_TESTS + 2, "more than 1000"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in pairwise("abcdef")),
            1,
            "YAML nodes",
        ),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(RuleTestsInvalid, match=said) as caught:
        read_tests(text)

    assert caught.value.line == line
