from datetime import UTC, datetime, timedelta

import pytest

from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.correlation.hit import microseconds
from detections.detector import Detected, Detector
from detections.documents import compile_text
from detections.rule_set import RuleSet
from detections.settings import DetectionSettings
from pipeline.schema.alert import EventPosition
from pipeline.schema.event import Event, Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASE = "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001"
MANY = "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c002"


def rule_set(*, generate: bool = False) -> RuleSet:
    documents = compile_text(
        f"""title: Failed
id: {BASE}
name: failed
author: Somebody
logsource: {{product: linux}}
detection: {{s: {{ok: false}}, condition: s}}
---
title: Many
id: {MANY}
correlation:
  type: event_count
  rules: [failed]
  generate: {str(generate).lower()}
  group-by: [user.name]
  timespan: 1m
  condition: {{gte: 3}}
level: high
"""
    )
    return RuleSet(
        rules=[one for one in documents if isinstance(one, Rule)],
        correlations=[one for one in documents if isinstance(one, Correlation)],
    )


def feed(
    detector: Detector,
    numbers: range,
    *,
    ahead: timedelta = timedelta(0),
    disabled: frozenset[str] = frozenset(),
) -> Detected:
    found = Detected()
    for number in numbers:
        time = NOON + timedelta(seconds=number)
        event = Event(
            id=f"018f0000-0000-7000-8000-{number:012}",
            kind=Kind.LOG,
            time=time + ahead,
            observed_time=time,
            source="syslog:a",
            fields={"logsource.product": "linux", "ok": False, "user.name": "bob"},
        )
        position = EventPosition(id=event.id, topic="t", partition=0, offset=number, time=time)
        detector.detect(event, position, found, observed_time=NOON, disabled=disabled)
    return found


def test_a_rule_that_only_counts_gives_hits_that_carry_what_an_alert_will_say() -> None:
    found = feed(Detector(rule_set(), DetectionSettings()), range(3))

    assert (found.matches, len(found.hits), found.alerts) == (3, 3, [])
    last = found.hits[-1]
    assert (last.correlation, last.group) == (MANY, {"user.name": "bob"})
    assert last.time_us == last.received_us == microseconds(NOON + timedelta(seconds=2))
    assert (last.matched, last.entity, last.source) == ({"ok": False}, "bob", "syslog:a")


def test_generate_lets_the_rule_alert_too() -> None:
    found = feed(Detector(rule_set(generate=True), DetectionSettings()), range(3))

    assert [alert.rule_title for alert in found.alerts] == ["Failed", "Failed", "Failed"]
    assert len(found.hits) == 3


@pytest.mark.parametrize("disabled", [BASE, MANY])
def test_what_is_switched_off_neither_counts_nor_alerts(disabled: str) -> None:
    found = feed(
        Detector(rule_set(), DetectionSettings()), range(5), disabled=frozenset({disabled})
    )

    assert (found.alerts, found.hits) == ([], [])


def test_the_same_events_give_the_same() -> None:
    first = feed(Detector(rule_set(generate=True), DetectionSettings()), range(5))
    again = feed(Detector(rule_set(generate=True), DetectionSettings()), range(5))

    assert (first.alerts, first.hits) == (again.alerts, again.hits)


def test_a_clock_that_runs_ahead_is_not_believed() -> None:
    ahead = feed(Detector(rule_set(), DetectionSettings()), range(3), ahead=timedelta(days=1))
    behind = feed(Detector(rule_set(), DetectionSettings()), range(3), ahead=-timedelta(days=1))

    assert all(hit.time_us == hit.received_us for hit in ahead.hits)
    assert all(hit.received_us - hit.time_us == 86_400_000_000 for hit in behind.hits)
