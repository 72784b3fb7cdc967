"""What a match or a firing becomes: an Alert. Pure."""

from collections.abc import Mapping
from datetime import datetime

from detections.compiler import Rule
from detections.correlation import Firing
from pipeline.schema.alert import Alert, EventPosition, alert_id
from pipeline.schema.event import Event, Value

# An alert shows what matched; the event itself has the rest.
MAX_VALUE_CHARS = 2_000
MAX_LIST_VALUES = 50


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


def alert_of_firing(
    firing: Firing,
    matched: Mapping[str, Value],
    event: Event,
    *,
    observed_time: datetime,
) -> Alert:
    """The alert of a correlation; ``event`` is the one whose arrival made it fire.

    It completes the window, unless it arrived late: then a later one does, and that one's time
    and id are the alert's.
    """
    correlation, completing = firing.correlation, firing.events[-1]
    return Alert(
        id=alert_id(correlation.id, correlation.revision, firing.group, completing.id),
        rule_id=correlation.id,
        rule_title=correlation.title,
        rule_revision=correlation.revision,
        rule_author=correlation.author,
        level=correlation.level,
        tags=correlation.tags,
        time=completing.time,
        observed_time=observed_time,
        group=firing.group,
        matched=shortened(matched) if completing.id == event.id else {},
        entity=entity_of(event.fields),
        events=firing.events,
        event_count=firing.event_count,
        source=event.source,
    )


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


def shortened(matched: Mapping[str, Value]) -> dict[str, Value]:
    """Fields with long values cut, so that an alert stays small whatever the event was."""
    return {name: _short(value) for name, value in matched.items()}


def _short(value: Value) -> Value:
    if isinstance(value, list):
        return [_short_text(item) if isinstance(item, str) else item for item in value][
            :MAX_LIST_VALUES
        ]
    return _short_text(value) if isinstance(value, str) else value


def _short_text(text: str) -> str:
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 1] + "…"
