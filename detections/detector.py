"""Rules and correlations in force, as one function: event in, alerts and hits out.

A detector reads no clock and no file: given the same rules, state, events and times it says the
same. Its engine and its correlator are those that ``scan`` uses.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from detections.alerting import about, alert_of_firing, alert_of_match
from detections.correlation.chain import Chain
from detections.correlation.hit import Hit, group_key, microseconds
from detections.correlation.limits import Limits
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
        self._links = Links(rule_set.correlations)
        self.chain = self._new_chain()

    def _new_chain(self) -> Chain:
        settings = self._settings
        return Chain(
            self._links,
            Limits(
                groups=settings.max_correlation_groups,
                hits=settings.max_correlation_events,
                rule_groups=settings.max_correlation_rule_groups,
                rule_hits=settings.max_correlation_rule_events,
            ),
            lateness_us=int(settings.correlation_lateness.total_seconds() * 1e6),
        )

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
            if not self._links.is_silent(rule.id, rule.name):
                found.alerts.append(
                    alert_of_match(
                        rule, match.matched, event, position, observed_time=observed_time
                    )
                )
            for hit in self._hits(match, event, position, received_us):
                if hit.correlation not in disabled:
                    found.hits.append(hit)
                    self.chain.correlator.observe(hit)

    def advance(
        self,
        received_us: int,
        found: Detected,
        *,
        observed_time: datetime,
        disabled: Collection[str] = (),
    ) -> None:
        """Add what correlations find, once all that was received by then has been detected."""
        for firing in self.chain.advance(received_us):
            correlation = firing.correlation
            if correlation.id not in disabled and not self._links.is_silent(
                correlation.id, correlation.name
            ):
                found.alerts.append(alert_of_firing(firing, observed_time=observed_time))

    @property
    def longest_timespan(self) -> timedelta:
        """The widest window of all; zero without correlations."""
        spans = (one.timespan_ms for one in self.rule_set.correlations)
        return timedelta(milliseconds=max(spans, default=0))

    def restore(self, hits: Iterable[Hit], alerts: Iterable[Alert]) -> None:
        """Begin with what was counted and fired before, instead of what is known now."""
        self.chain = self._new_chain()
        self.chain.observe(hits)
        for alert in alerts:
            self.chain.correlator.note_firing(
                group_key(alert.rule_id, alert.group), microseconds(alert.time)
            )

    def carry_over(self, before: "Detector") -> None:
        """Count on where a detector with other rules left off."""
        self.chain.correlator.restore(before.chain.correlator.state())

    def _hits(
        self, match: Match, event: Event, position: EventPosition, received_us: int | None
    ) -> Iterable[Hit]:
        observed_us = microseconds(event.observed_time)
        return self.chain.finder.of_match(
            match.rule.id,
            match.rule.name,
            event.fields,
            position,
            # A clock that runs ahead would make others late: it is not believed.
            time_us=min(microseconds(event.time), observed_us),
            received_us=observed_us if received_us is None else received_us,
            about=partial(about, match.matched, event),
        )
