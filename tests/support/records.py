"""Records, events and alerts for tests of sinks."""

from datetime import UTC, datetime
from uuid import UUID

from pipeline.bus.consumer import Record
from pipeline.schema.alert import Alert, EventPosition
from pipeline.schema.codec import encode_alert, encode_event
from pipeline.schema.event import Event, Kind, Value
from pipeline.schema.topics import ALERTS, EVENTS_LOG

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)


def record(
    offset: int,
    value: bytes | None = b"v",
    *,
    topic: str = EVENTS_LOG,
    partition: int = 0,
    key: bytes | None = b"syslog:a",
    headers: tuple[tuple[str, bytes], ...] = (),
    timestamp_ms: int = NOON_MS,
) -> Record:
    """A record of a partition."""
    return Record(topic, partition, offset, timestamp_ms, key, value, headers)


def event(
    number: int,
    *,
    source: str = "syslog:a",
    kind: Kind = Kind.LOG,
    observed: datetime = NOON,
    fields: dict[str, Value] | None = None,
) -> Event:
    """An event whose id tells its number."""
    return Event(
        id=str(UUID(int=number)),
        kind=kind,
        time=observed,
        observed_time=observed,
        source=source,
        fields=fields or {"message": f"event {number}", "marker": str(number)},
        raw=b"raw",
    )


def event_record(
    offset: int, *, source: str = "syslog:a", observed: datetime = NOON, partition: int = 0
) -> Record:
    """The record of a log event."""
    value = encode_event(event(offset, source=source, observed=observed))
    return record(offset, value, key=source.encode(), partition=partition)


def alert(number: int, *, level: str = "high", observed: datetime = NOON) -> Alert:
    """An alert whose id tells its number."""
    return Alert(
        id=str(UUID(int=number)),
        rule_id="5af54681-df95-4c26-854f-2565e13cfab0",
        rule_title="Test Rule",
        rule_revision="0123456789ab",
        rule_author="somebody",
        level=level,
        tags=["attack.t1110"],
        time=observed,
        observed_time=observed,
        group={},
        matched={"user.name": "root"},
        entity="host-a",
        events=[
            EventPosition(
                id=str(UUID(int=number)), topic=EVENTS_LOG, partition=0, offset=1, time=observed
            )
        ],
        event_count=1,
        source="syslog:a",
    )


def alert_record(offset: int, *, level: str = "high") -> Record:
    """The record of an alert."""
    return record(offset, encode_alert(alert(offset, level=level)), topic=ALERTS)
