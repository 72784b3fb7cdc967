from datetime import UTC, datetime, timedelta

import pytest

from detections.compiler import Rule
from detections.correlation.correlator import FOREVER
from detections.correlation.definition import Correlation
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


def feed(detector: Detector, numbers: range, *, disabled: frozenset[str] = frozenset()) -> Detected:
    found = Detected()
    for number in numbers:
        time = NOON + timedelta(seconds=number)
        event = Event(
            id=f"018f0000-0000-7000-8000-{number:012}",
            kind=Kind.LOG,
            time=time,
            observed_time=time,
            source="syslog:a",
            fields={"logsource.product": "linux", "ok": False, "user.name": "bob"},
        )
        position = EventPosition(id=event.id, topic="t", partition=0, offset=number, time=time)
        detector.detect(event, position, found, observed_time=NOON, disabled=disabled)
    detector.advance(FOREVER, found, observed_time=NOON, disabled=disabled)
    return found


def test_a_rule_that_only_counts_gives_hits_and_its_correlation_the_alert() -> None:
    found = feed(Detector(rule_set(), DetectionSettings()), range(3))

    assert (found.matches, len(found.hits)) == (3, 3)
    [alert] = found.alerts
    assert (alert.rule_title, alert.level, alert.group) == ("Many", "high", {"user.name": "bob"})
    assert alert.time == NOON + timedelta(seconds=2)
    assert alert.matched == {"ok": False}
    assert alert.event_count == 3


def test_generate_lets_both_alert() -> None:
    found = feed(Detector(rule_set(generate=True), DetectionSettings()), range(3))

    assert [alert.rule_title for alert in found.alerts] == ["Failed", "Failed", "Failed", "Many"]


@pytest.mark.parametrize(("disabled", "hits"), [(BASE, 0), (MANY, 0)])
def test_what_is_switched_off_neither_counts_nor_alerts(disabled: str, hits: int) -> None:
    found = feed(
        Detector(rule_set(), DetectionSettings()), range(5), disabled=frozenset({disabled})
    )

    assert (len(found.alerts), len(found.hits)) == (0, hits)


def test_a_clock_that_runs_ahead_is_not_believed() -> None:
    detector, found = Detector(rule_set(), DetectionSettings()), Detected()
    for number, ahead in enumerate((timedelta(days=1), timedelta(0), timedelta(0))):
        observed = NOON + timedelta(seconds=number)
        event = Event(
            id=f"018f0000-0000-7000-8000-{number:012}",
            kind=Kind.LOG,
            time=observed + ahead,
            observed_time=observed,
            source="syslog:a",
            fields={"logsource.product": "linux", "ok": False, "user.name": "bob"},
        )
        position = EventPosition(
            id=event.id, topic="t", partition=0, offset=number, time=event.time
        )
        detector.detect(event, position, found, observed_time=NOON)
    detector.advance(FOREVER, found, observed_time=NOON)

    assert [alert.event_count for alert in found.alerts] == [3]
    assert detector.longest_timespan == timedelta(minutes=1)


def test_the_same_events_give_the_same_alerts() -> None:
    first = feed(Detector(rule_set(generate=True), DetectionSettings()), range(5))
    again = feed(Detector(rule_set(generate=True), DetectionSettings()), range(5))

    assert first.alerts == again.alerts


def test_a_restored_detector_counts_on() -> None:
    before = feed(Detector(rule_set(), DetectionSettings()), range(5))
    detector = Detector(rule_set(), DetectionSettings())

    detector.restore(before.hits[:2], [])
    assert [alert.event_count for alert in feed(detector, range(2, 3)).alerts] == [3]

    detector.restore(before.hits, before.alerts)
    assert feed(detector, range(5, 20)).alerts == []


def test_a_detector_with_new_rules_counts_on() -> None:
    before, after = (Detector(rule_set(), DetectionSettings()) for _ in range(2))
    before.chain.observe(feed(Detector(rule_set(), DetectionSettings()), range(2)).hits)

    after.carry_over(before)

    assert [alert.event_count for alert in feed(after, range(2, 3)).alerts] == [3]
