"""A hit: an event that counts for a group of a correlation; and a firing, what hits lead to.

Both are values. A hit is a record of ``detections.hits`` and carries all that the correlation,
those that build on it, and its alert need of the event, because the event is elsewhere by then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from detections.correlation.definition import Correlation
from pipeline.schema.alert import EventPosition
from pipeline.schema.event import Value

# An alert names at most so many events (pipeline.schema.alert).
MAX_ALERT_EVENTS = 1_000
# Of a correlation that counts for another one, so many events are shown with it.
MAX_CARRIED_EVENTS = 100
# A longer value is known by its beginning and its digest.
MAX_VALUE_CHARS = 300

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

GroupKey = tuple[str, ...]


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="hit"):
    """An event that counts for a group of a correlation.

    Attributes:
        correlation: Id of the correlation.
        revision: Of the correlation that it was found for; it means nothing to another one.
        group: Its group-by fields and their values.
        rule: For a temporal kind, which of its rules matched, as it names it; else empty.
        value: What is measured of the event, as text; else empty.
        time_us: When, in event time, microseconds since the epoch.
        received_us: When it counts as received; it waits from then on.
        event: The event; of a firing that counts, the completing one.
        events: Of a firing that counts, its events, the newest; else empty.
        count: How many events it stands for.
        carried: Fields that correlations further up will ask for.
        matched: Fields that made the rule match, briefly; for the alert.
        entity, source: What the alert says of the completing event.
    """

    correlation: str
    revision: str = ""
    group: Mapping[str, str] = {}
    rule: str = ""
    value: str = ""
    time_us: int
    received_us: int
    event: EventPosition
    events: tuple[EventPosition, ...] = ()
    count: int = 1
    carried: Mapping[str, str] = {}
    matched: Mapping[str, Value] = {}
    entity: str = ""
    source: str = ""

    @property
    def key(self) -> GroupKey:
        """Which group of which correlation."""
        return group_key(self.correlation, self.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """A correlation whose condition came true for a group.

    Attributes:
        correlation: Which.
        group: For which group.
        completing: The hit that completed it.
        events: What caused it, the completing event last; at most ``MAX_ALERT_EVENTS``.
        event_count: How many events were in the window.
        decided_us: When, in event time; after the completing hit where a window had to close.
        received_us: The same by receipt.
    """

    correlation: Correlation
    group: Mapping[str, str]
    completing: Hit
    events: Sequence[EventPosition]
    event_count: int
    decided_us: int
    received_us: int


def group_key(correlation: str, group: Mapping[str, str]) -> GroupKey:
    """What tells one group of one correlation from all others."""
    return (correlation, *(f"{name}={group[name]}" for name in sorted(group)))


def events_of(hits: Sequence[Hit], completing: EventPosition) -> list[EventPosition]:
    """The newest events behind hits, each once, the completing one last."""
    chosen = {completing.id: completing}
    for hit in reversed(hits):
        for event in reversed(hit.events or (hit.event,)):
            chosen.setdefault(event.id, event)
        if len(chosen) >= MAX_ALERT_EVENTS:
            break
    return list(chosen.values())[:MAX_ALERT_EVENTS][::-1]


def bounded(text: str) -> str:
    """A value as it is held: whole, or its beginning and a digest of it all."""
    if len(text) <= MAX_VALUE_CHARS:
        return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: MAX_VALUE_CHARS - 17]}…{digest}"


def microseconds(time: datetime) -> int:
    """A time as microseconds since the epoch.

    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return (time - _EPOCH) // _MICROSECOND
