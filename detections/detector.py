"""Rules in force, as one function: event in, alerts of rules and hits for correlations out.

A detector reads no clock and no file: given the same rules and events it says the same. Its engine
is the one that ``scan`` uses; what hits lead to is said by ``detections.correlation.partition``.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from detections.alerting import about, alert_of_match
from detections.correlation.finder import HitFinder
from detections.correlation.hit import Hit, microseconds
from detections.correlation.links import Links
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
        hits: What counts for correlations.
        matches: How many rules matched, alerting or not.
    """

    alerts: list[Alert] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    matches: int = 0


class Detector:
    """What a rule set finds in a stream of events. For one thread."""

    def __init__(self, rule_set: RuleSet, settings: DetectionSettings) -> None:
        self.rule_set = rule_set
        self._engine = Engine(rule_set, memo_bytes=settings.memo_bytes)
        self.links = Links(rule_set.correlations)
        self.finder = HitFinder(self.links)

    def detect(
        self,
        event: Event,
        position: EventPosition,
        found: Detected,
        *,
        observed_time: datetime,
        received_us: int | None = None,
        disabled: Collection[str] = (),
    ) -> None:
        """Add what an event leads to, to what earlier ones led to.

        Args:
            event: The event.
            position: Where it lies.
            found: Is added to.
            observed_time: Now, in UTC.
            received_us: When it counts as received; None: when it says.
            disabled: Ids of rules and correlations that an operator has switched off.
        """
        for match in self._engine.evaluate(event.fields, event.raw.decode("utf-8", "replace")):
            rule = match.rule
            if rule.id in disabled:
                continue
            found.matches += 1
            if not self.links.is_silent(rule.id, rule.name):
                found.alerts.append(
                    alert_of_match(
                        rule, match.matched, event, position, observed_time=observed_time
                    )
                )
            for hit in self._hits(match, event, position, received_us):
                if hit.correlation not in disabled:
                    found.hits.append(hit)

    def _hits(
        self, match: Match, event: Event, position: EventPosition, received_us: int | None
    ) -> Iterable[Hit]:
        observed_us = microseconds(event.observed_time)
        return self.finder.of_match(
            match.rule.id,
            match.rule.name,
            event.fields,
            position,
            # A clock that runs ahead would make others late: it is not believed.
            time_us=min(microseconds(event.time), observed_us),
            received_us=observed_us if received_us is None else received_us,
            about=partial(about, match.matched, event),
        )
