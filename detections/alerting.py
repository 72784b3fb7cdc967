"""What a match or a firing becomes: an Alert. Pure."""

from collections.abc import Mapping
from datetime import datetime

from detections.compiler import Rule
from detections.correlation.finder import About
from detections.correlation.hit import Firing
from pipeline.schema.alert import Alert, EventPosition, alert_id
from pipeline.schema.event import Event, Value

# An alert shows what matched; the event itself has the rest.
MAX_VALUE_CHARS = 2_000
MAX_LIST_VALUES = 50
# Of an event that waits for others, less.
MAX_BRIEF_VALUES = 10
MAX_BRIEF_CHARS = 200


def alert_of_match(
    rule: Rule,
    matched: Mapping[str, Value],
    event: Event,
    position: EventPosition,
    *,
    observed_time: datetime,
) -> Alert:
    """The alert of a rule on one event."""
    return Alert(
        id=alert_id(rule.id, rule.revision, {}, event.id),
        rule_id=rule.id,
        rule_title=rule.title,
        rule_revision=rule.revision,
        rule_author=rule.author,
        level=rule.level,
        tags=rule.tags,
        time=event.time,
        observed_time=observed_time,
        group={},
        matched=shortened(matched),
        entity=entity_of(event.fields),
        events=(position,),
        event_count=1,
        source=event.source,
    )


def alert_of_firing(firing: Firing, *, observed_time: datetime) -> Alert:
    """The alert of a correlation: its id and time are those of the completing event."""
    correlation, completing = firing.correlation, firing.completing
    return Alert(
        id=alert_id(correlation.id, correlation.revision, firing.group, completing.event.id),
        rule_id=correlation.id,
        rule_title=correlation.title,
        rule_revision=correlation.revision,
        rule_author=correlation.author,
        level=correlation.level,
        tags=correlation.tags,
        time=completing.event.time,
        observed_time=observed_time,
        group=firing.group,
        matched=completing.matched,
        entity=completing.entity,
        events=firing.events,
        event_count=firing.event_count,
        source=completing.source,
    )


def about(matched: Mapping[str, Value], event: Event) -> About:
    """What an alert will say of an event if it completes a correlation; small, since many wait."""
    brief = dict(list(matched.items())[:MAX_BRIEF_VALUES])
    return About(shortened(brief, MAX_BRIEF_CHARS), entity_of(event.fields), event.source)


def entity_of(fields: Mapping[str, Value]) -> str:
    """What a person would name an event by: who did something to what.

    >>> entity_of({"source.ip": "203.0.113.47", "host.name": "bastion-01", "user.name": "root"})
    '203.0.113.47 → bastion-01'
    >>> entity_of({"host.name": "web-1", "user.name": "bob"})
    'bob on web-1'
    """
    address, host, actor, target = (
        str(value) if (value := fields.get(name)) is not None else ""
        for name in ("source.ip", "host.name", "user.name", "user.target.name")
    )
    user = actor or target
    if address and host:
        return f"{address} → {host}"
    if user and host:
        return f"{user} on {host}"
    if address and user:
        return f"{address} → {user}"
    return address or host or user


def shortened(matched: Mapping[str, Value], most_chars: int = MAX_VALUE_CHARS) -> dict[str, Value]:
    """Fields with long values cut, so that an alert stays small whatever the event was."""
    return {name: _short(value, most_chars) for name, value in matched.items()}


def _short(value: Value, most_chars: int) -> Value:
    if isinstance(value, list):
        most_values = MAX_LIST_VALUES * most_chars // MAX_VALUE_CHARS
        return [
            _short_text(item, most_chars) if isinstance(item, str) else item
            for item in value[:most_values]
        ]
    return _short_text(value, most_chars) if isinstance(value, str) else value


def _short_text(text: str, most_chars: int) -> str:
    return text if len(text) <= most_chars else text[: most_chars - 1] + "…"
