"""Which rules the data can feed: by log source, and by fields that a match cannot do without."""

import pytest

from detections.compiler import Rule
from detections.data_seen import DataSeen, Lacking, seen_of
from detections.documents import compile_text
from detections.log_source import LogSource
from pipeline.schema.event import Value

LINUX: dict[str, Value] = {"logsource.product": "linux", "logsource.service": ["sshd", "auth"]}
SEEN = seen_of(
    [
        (LINUX, {"user", "action", "Threat Name"}, 3),
        (LINUX, {"address"}, 2),
        (
            {"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": "1"},
            {"NewProcessName", "Channel", "EventID"},
            5,
        ),
    ]
)


def rule(detection: str, source: str = "product: linux") -> Rule:
    text = f"title: T\nlogsource: {{{source}}}\ndetection:\n" + detection
    (found,) = compile_text(text)
    assert isinstance(found, Rule), found
    return found


@pytest.mark.parametrize(
    ("detection", "missing"),
    [
        ("  a: {user: root}\n  condition: a", None),
        ("  a: {user: root, address: x}\n  condition: a", None),
        ("  a: {user: root, shell: x}\n  condition: a", ("shell",)),
        ("  a: {user: root}\n  b: {shell: x}\n  condition: a or b", None),
        ("  a: {home: root}\n  b: {shell: x}\n  condition: a or b", ("home", "shell")),
        ("  a: {user: root}\n  f: {shell: x}\n  condition: a and not f", None),
        ("  a: {home: root}\n  f: {shell: x}\n  condition: a and not f", ("home",)),
        ("  a: {shell: null}\n  condition: a", None),
        ("  a: {shell|exists: false}\n  condition: a", None),
        ("  a: {shell|exists: true}\n  condition: a", ("shell",)),
        ("  a: {shell|exists: false}\n  condition: not a", ("shell",)),
        ("  a1: {user: x}\n  a2: {home: x}\n  a3: {action: x}\n  condition: 2 of a*", None),
        (
            "  a1: {user: x}\n  a2: {home: x}\n  a3: {shell: x}\n  condition: 2 of a*",
            ("home", "shell"),
        ),
        ("  a: [segfault]\n  condition: a", None),
        ("  a: {user|fieldref: home}\n  condition: a", ("home",)),
        ("  a: {user|fieldref: address}\n  condition: a", None),
        ("  a: {ThreatName: x}\n  condition: a", None),
    ],
)
def test_a_rule_lacks_the_fields_without_which_it_cannot_match(
    detection: str, missing: tuple[str, ...] | None
) -> None:
    expected = None if missing is None else Lacking(fields=missing)

    assert SEEN.lacking(rule(detection)) == expected


def test_log_sources_are_what_the_engine_takes_events_for() -> None:
    process = "product: windows, category: process_creation"

    assert SEEN.lacking(rule("  a: {Image: x}\n  condition: a", process)) is None
    assert SEEN.lacking(rule("  a: {user: x}\n  condition: a", "product: macos")) == Lacking()
    assert SEEN.events_of(LogSource("windows", "process_creation")) == 5
    assert SEEN.events_of(LogSource("linux")) == 5
    assert SEEN.events_of(LogSource("linux", None, "auditd")) == 0
    assert len(SEEN.kinds) == 2


def test_without_data_every_log_source_is_missing() -> None:
    assert DataSeen(()).lacking(rule("  a: {user: x}\n  condition: a")) == Lacking()
