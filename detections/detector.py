"""Rules and correlations in force, as one function: event in, alerts and hits out.

A detector reads no clock and no file: given the same rules, state and events it says the same.
Its engine is the one that ``scan`` uses.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from detections.alerting import alert_of_firing, alert_of_match
from detections.correlation import Correlator, Hit, HitFinder
from detections.engine import Engine, Match
from detections.rule_set import RuleSet
from detections.settings import DetectionSettings
from pipeline.schema.alert import Alert, EventPosition
from pipeline.schema.event import Event


@dataclass(slots=True)
class Detected:
    """What events led to.

    Attributes:
        alerts: To be written, in the order of their events.
        hits: What counts for correlations; written so that a restart can count on.
        matches: How many rules matched, alerting or not.
    """

    alerts: list[Alert] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    matches: int = 0


class Detector:
    """What a rule set finds in a stream of events. For one thread."""

    def __init__(self, rule_set: RuleSet, settings: DetectionSettings) -> None:
        self.rule_set = rule_set
        self._settings = settings
        self._engine = Engine(rule_set, memo_bytes=settings.memo_bytes)
        self._hits = HitFinder(rule_set.correlations)
        self.correlator = self._new_correlator()

    def _new_correlator(self) -> Correlator:
        return Correlator(
            self.rule_set.correlations,
            max_groups=self._settings.max_correlation_groups,
            max_events=self._settings.max_correlation_events,
        )

    def detect(
        self,
        event: Event,
        position: EventPosition,
        found: Detected,
        *,
        observed_time: datetime,
        disabled: Collection[str] = (),
    ) -> None:
        """Add what an event leads to, to what earlier ones led to.

        Args:
            event: The event.
            position: Where it lies.
            found: Is added to.
            observed_time: Now, in UTC.
            disabled: Ids of rules and correlations that an operator has switched off.
        """
        for match in self._engine.evaluate(event.fields, event.raw.decode("utf-8", "replace")):
            rule = match.rule
            if rule.id in disabled:
                continue
            found.matches += 1
            if not self._hits.is_silent(rule.id, rule.name):
                found.alerts.append(
                    alert_of_match(
                        rule, match.matched, event, position, observed_time=observed_time
                    )
                )
            self._correlate(match, event, position, found, observed_time, disabled)

    def _correlate(
        self,
        match: Match,
        event: Event,
        position: EventPosition,
        found: Detected,
        observed_time: datetime,
        disabled: Collection[str],
    ) -> None:
        for hit in self._hits.hits(match.rule.id, match.rule.name, event.fields, position):
            if hit.correlation in disabled:
                continue
            found.hits.append(hit)
            firing = self.correlator.observe(hit)
            if firing is not None:
                found.alerts.append(
                    alert_of_firing(firing, match.matched, event, observed_time=observed_time)
                )

    def restore(self, hits: Iterable[Hit], alerts: Iterable[Alert]) -> None:
        """Begin with what was counted and fired before, instead of what is known now."""
        self.correlator = self._new_correlator()
        for hit in hits:
            self.correlator.restore(hit)
        for alert in alerts:
            self.correlator.restore_firing(
                Hit(correlation=alert.rule_id, group=alert.group, value="", event=alert.events[-1])
            )

    def carry_over(self, before: "Detector") -> None:
        """Count on where a detector with other rules left off."""
        self.correlator.carry_over(before.correlator)
