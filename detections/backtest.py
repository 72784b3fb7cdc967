"""What rules would have said of a stretch of history: how often, of whom, at what cost. Pure.

The detector is the one of the live worker, with the chosen rules alone; correlations are evaluated
over all hits in the order of their events' time, and to the end. What is said of a part of
the events is labelled a sample, and the offsets that were looked at are always named.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from detections.alerting import alert_of_firing
from detections.compiler import Rule
from detections.correlation.chain import Chain
from detections.correlation.definition import Correlation
from detections.correlation.hit import Hit
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from detections.detector import Detected, Detector
from detections.history import Placed
from detections.rule_set import RuleSet
from detections.settings import DetectionSettings
from pipeline.schema.alert import Alert

MAX_SAMPLES = 5
MAX_GROUPS = 10
# Different groups or entities counted for one rule; further ones are counted together.
_MAX_COUNTED = 10_000
OTHERS = "…"
# Hits held until the last page; of more, correlations see the first.
MAX_HITS = 2_000_000
_LIMITS = Limits(groups=MAX_HITS, hits=MAX_HITS, rule_groups=MAX_HITS, rule_hits=MAX_HITS)


class RuleBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule would have said.

    Attributes:
        rule_id, title, level, revision: Which rule or correlation.
        alerts: How many alerts.
        by_day: Alerts by day of the event (``2026-11-29``, UTC); days without are absent.
        top: The groups or entities with most alerts, and how many.
        samples: Some of the alerts, the first ones.
    """

    rule_id: str
    title: str
    level: str
    revision: str
    alerts: int
    by_day: Mapping[str, int]
    top: tuple[tuple[str, int], ...]
    samples: tuple[Alert, ...]


class BacktestReport(msgspec.Struct, frozen=True, kw_only=True):
    """What all of the rules would have said.

    Attributes:
        rules: Those that would have alerted, the noisiest first, then the others by title.
        events: How many events were looked at.
        is_sample: Whether they were a part of those in the covered ranges.
        share: Which part, from 0 to 1; 1 if all.
        cpu_us_per_event: Processor time of evaluation.
    """

    rules: tuple[RuleBacktest, ...]
    events: int
    is_sample: bool
    share: float
    cpu_us_per_event: float


@dataclass(slots=True)
class _Tally:
    alerts: int = 0
    by_day: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    samples: list[Alert] = field(default_factory=list)

    def add(self, alert: Alert) -> None:
        self.alerts += 1
        self.by_day[alert.time.date().isoformat()] += 1
        said = ", ".join(f"{name}={value}" for name, value in sorted(alert.group.items()))
        group = said or alert.entity
        if group not in self.groups and len(self.groups) >= _MAX_COUNTED:
            group = OTHERS
        self.groups[group] += 1
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(alert)


class Backtest:
    """Holds chosen rules against events, page by page.

    Args:
        rule_set: All rules that are loaded.
        chosen: Ids of the rules and correlations to try; rules that a chosen correlation counts
            are evaluated with it and reported only if they were chosen.
        settings: As the worker's.
        keep_one_in: Look at every so many-th event; a sample unless it is 1.
        clock: Processor seconds.
    """

    def __init__(
        self,
        rule_set: RuleSet,
        chosen: Collection[str],
        settings: DetectionSettings,
        *,
        keep_one_in: int = 1,
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._chosen = chosen
        self._rule_set = needed(rule_set, chosen)
        self._detector = Detector(self._rule_set, settings)
        self._keep_one_in = keep_one_in
        self._clock = clock
        self._seen = 0
        self._events = 0
        self._seconds = 0.0
        self._tallies: dict[str, _Tally] = {}
        self._hits: list[Hit] = []

    def add(self, page: Iterable[Placed], *, observed_time: datetime) -> None:
        """Hold the rules against further events."""
        found = Detected()
        started = self._clock()
        for event, position in page:
            self._seen += 1
            if self._seen % self._keep_one_in == 0:
                self._events += 1
                self._detector.detect(event, position, found, observed_time=observed_time)
        self._seconds += self._clock() - started
        self._hits += found.hits[: MAX_HITS - len(self._hits)]
        for alert in found.alerts:
            if alert.rule_id in self._chosen:
                self._tallies.setdefault(alert.rule_id, _Tally()).add(alert)

    def report(self) -> BacktestReport:
        """What came of the events so far."""
        every: list[Rule | Correlation] = [*self._rule_set.rules, *self._rule_set.correlations]
        tallies = {**self._tallies, **self._correlated()}
        rules = [
            RuleBacktest(
                rule_id=rule.id,
                title=rule.title,
                level=rule.level,
                revision=rule.revision,
                alerts=tally.alerts,
                by_day=dict(sorted(tally.by_day.items())),
                top=tuple(tally.groups.most_common(MAX_GROUPS)),
                samples=tuple(tally.samples),
            )
            for rule in every
            if rule.id in self._chosen
            for tally in [tallies.get(rule.id) or _Tally()]
        ]
        return BacktestReport(
            rules=tuple(sorted(rules, key=lambda rule: (-rule.alerts, rule.title))),
            events=self._events,
            is_sample=self._keep_one_in > 1,
            share=1 / self._keep_one_in,
            cpu_us_per_event=round(1e6 * self._seconds / self._events, 2) if self._events else 0.0,
        )

    def _correlated(self) -> dict[str, _Tally]:
        """What correlations make of all hits so far."""
        tallies: dict[str, _Tally] = {}
        chain = Chain(Links(self._rule_set.correlations), _LIMITS, lateness_us=0)
        received = (msgspec.structs.replace(hit, received_us=hit.time_us) for hit in self._hits)
        for firing in chain.in_order(received):
            if firing.correlation.id in self._chosen:
                alert = alert_of_firing(firing, observed_time=firing.completing.event.time)
                tallies.setdefault(alert.rule_id, _Tally()).add(alert)
        return tallies


def needed(rule_set: RuleSet, chosen: Collection[str]) -> RuleSet:
    """The chosen rules and correlations, and what the latter count, at any depth."""
    wanted = set(chosen)
    while True:
        correlations = [one for one in rule_set.correlations if {one.id, one.name} & wanted]
        further = wanted.union(*(correlation.rules for correlation in correlations))
        if further == wanted:
            break
        wanted = further
    rules = [rule for rule in rule_set.rules if {rule.id, rule.name} & wanted]
    return RuleSet(rules=rules, correlations=correlations)
