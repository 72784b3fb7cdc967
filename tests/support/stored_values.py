"""Events and alerts made of a number, with where they lie, for tests of what is stored."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pipeline.schema.alert import Alert, EventPosition
from pipeline.schema.event import Event, Kind, Value
from tests.support.store import At

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def id_of(number: int) -> str:
    """The id of the event or alert with this number."""
    return str(UUID(int=number))


def log_event(
    number: int, fields: Mapping[str, Value] | None = None, *, source: str = "syslog:10.0.0.7"
) -> tuple[Event, At]:
    """A log event, that many seconds after noon."""
    time = NOON + timedelta(seconds=number)
    event = Event(
        id=id_of(number),
        kind=Kind.LOG,
        time=time,
        observed_time=time,
        source=source,
        fields={"message": f"event {number}", **(fields or {})},
        raw=b"raw",
    )
    return event, At("events.log", 0, number)


def sample(number: int, metric: str, value: float, **labels: str) -> tuple[Event, At]:
    """A metric sample, that many seconds after noon."""
    time = NOON + timedelta(seconds=number)
    fields: dict[str, Value] = {"metric.name": metric, "metric.value": value}
    fields |= {f"metric.label.{name}": text for name, text in labels.items()}
    event = Event(
        id=id_of(number),
        kind=Kind.METRIC,
        time=time,
        observed_time=time,
        source="scrape:node",
        fields=fields,
    )
    return event, At("events.metric", 0, number)


def click(number: int, visitor: str, path: str, *, referrer: str = "") -> tuple[Event, At]:
    """A page view, that many seconds after noon."""
    time = NOON + timedelta(seconds=number)
    event = Event(
        id=id_of(number),
        kind=Kind.CLICK,
        time=time,
        observed_time=time,
        source="click:shop",
        fields={
            "click.site": "shop",
            "click.event": "page",
            "click.visitor": visitor,
            "url.path": path,
            "http.request.referrer": referrer,
            "campaign": "autumn",
        },
    )
    return event, At("events.click", 0, number)


def alert(number: int, *, level: str = "high", entity: str = "bastion-01") -> tuple[Alert, At]:
    """An alert on the event with the same number."""
    time = NOON + timedelta(seconds=number)
    position = EventPosition(
        id=id_of(number), topic="events.log", partition=0, offset=number, time=time
    )
    found = Alert(
        id=id_of(10_000 + number),
        rule_id="7a3f0f0e-0000-4000-8000-00000000000" + str(number % 10),
        rule_title=f"Rule {number % 10}",
        rule_revision="0123456789ab",
        rule_author="somebody",
        level=level,
        tags=["attack.t1110", "attack.credential-access"],
        time=time,
        observed_time=time,
        group={"user.name": "root"},
        matched={"user.name": "root", "EventID": 4625},
        entity=entity,
        events=[position],
        event_count=1,
        source="syslog:10.0.0.7",
    )
    return found, At("alerts", 0, number)
