from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from detections.backtest import MAX_SAMPLES, Backtest, needed
from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.documents import compile_text
from detections.history import Placed
from detections.rule_set import RuleSet
from detections.settings import DetectionSettings
from pipeline.schema.alert import EventPosition
from pipeline.schema.event import Event, Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAILED = "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001"
MANY = "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c002"
OTHER = "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c003"


def rule_set() -> RuleSet:
    documents = compile_text(
        f"""title: Failed
id: {FAILED}
name: failed
logsource: {{product: linux}}
detection: {{s: {{ok: false}}, condition: s}}
---
title: Many
id: {MANY}
correlation:
  type: event_count
  rules: [failed]
  group-by: [user.name]
  timespan: 1h
  condition: {{gte: 3}}
---
title: Other
id: {OTHER}
logsource: {{product: linux}}
detection: {{s: {{ok: true}}, condition: s}}
"""
    )
    return RuleSet(
        rules=[one for one in documents if isinstance(one, Rule)],
        correlations=[one for one in documents if isinstance(one, Correlation)],
    )


def placed(numbers: range, *, user: str = "bob", days: int = 0) -> Iterator[Placed]:
    for number in numbers:
        time = NOON + timedelta(days=days, seconds=number)
        event = Event(
            id=f"018f0000-0000-7000-8{days:03}-{number:012}",
            kind=Kind.LOG,
            time=time,
            observed_time=time,
            source="syslog:a",
            fields={"logsource.product": "linux", "ok": False, "user.name": user},
        )
        yield (
            event,
            EventPosition(id=event.id, topic="t", partition=0, offset=number, time=time),
        )


def tried(chosen: set[str], *, keep_one_in: int = 1) -> Backtest:
    ticks = iter(range(1_000))
    return Backtest(
        rule_set(),
        chosen,
        DetectionSettings(),
        keep_one_in=keep_one_in,
        clock=lambda: float(next(ticks)),
    )


def test_alerts_are_counted_by_day_and_by_whom() -> None:
    backtest = tried({FAILED, OTHER})
    backtest.add(placed(range(8)), observed_time=NOON)
    backtest.add(placed(range(2), user="eve", days=1), observed_time=NOON)

    noisy, silent = backtest.report().rules

    assert (noisy.rule_id, noisy.alerts) == (FAILED, 10)
    assert noisy.by_day == {"2026-03-01": 8, "2026-03-02": 2}
    assert noisy.top == (("bob", 8), ("eve", 2))
    assert len(noisy.samples) == MAX_SAMPLES
    assert (silent.rule_id, silent.alerts, silent.samples) == (OTHER, 0, ())


def test_a_correlation_is_tried_with_the_rules_that_it_counts_and_reported_alone() -> None:
    backtest = tried({MANY})
    backtest.add(placed(range(3)), observed_time=NOON)

    (found,) = backtest.report().rules

    assert (found.rule_id, found.alerts) == (MANY, 1)
    assert found.top == (("user.name=bob", 1),)


def test_a_sample_says_so() -> None:
    backtest = tried({FAILED}, keep_one_in=4)
    backtest.add(placed(range(10)), observed_time=NOON)

    report = backtest.report()

    assert (report.events, report.is_sample, report.share) == (2, True, 0.25)
    assert report.rules[0].alerts == 2


def test_cost_is_processor_time_by_event() -> None:
    backtest = tried({FAILED})
    backtest.add(placed(range(10)), observed_time=NOON)  # one tick of a second

    assert backtest.report().cpu_us_per_event == 100_000


def test_what_is_not_needed_is_not_evaluated() -> None:
    found = needed(rule_set(), {MANY})

    assert [rule.id for rule in found.rules] == [FAILED]
    assert [one.id for one in found.correlations] == [MANY]
    assert [rule.id for rule in needed(rule_set(), {OTHER}).rules] == [OTHER]
