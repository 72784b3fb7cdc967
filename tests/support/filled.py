"""A real broker and a real store with a small company's hour in them, for tests of the console."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

from pipeline.bus.admin import Admin
from pipeline.bus.position import Position
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.schema.alert import Alert, EventPosition, alert_id
from pipeline.schema.codec import SCHEMA_HEADER, encode_event
from pipeline.schema.event import Event, EventIds, Kind
from pipeline.schema.topics import EVENTS_LOG, TOPICS
from pipeline.settings import BusSettings, PipelineSettings
from pipeline.store.client import StoreClient
from pipeline.store.migrate import migrate
from pipeline.store.rows import LedgerRow, alerts_rows, events_rows, ledger_rows
from tests.support.standalone_broker import StandaloneBroker
from tests.support.store import At, StoreProcess

SOURCES = ("syslog:web-01", "syslog:bastion-01", "http:windows")
SCRIPT = "<script>alert(1)</script>"
LEVELS = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Company:
    """What was stored.

    Attributes:
        events: Ninety of the last hour, a third from each source, the newest last.
        alerts: One of each level but informational; the low one is called like a script.
    """

    events: list[Event]
    alerts: list[Alert]


class Backends:
    """A context manager: broker and store, filled.

    Attributes:
        pipeline: How a console reaches them: the store as somebody who may only read.
        company: What is in them.
    """

    def __init__(self, directory: Path) -> None:
        self.store = StoreProcess(directory / "store")
        self.broker = StandaloneBroker(directory / "log")

    def __enter__(self) -> "Backends":
        """Start and fill."""
        self.store.start()
        self.broker.start()
        bus = BusSettings(url=f"kafka://{self.broker.address}")
        self.pipeline = PipelineSettings(bus=bus, store=self.store.reader)
        self.company = asyncio.run(_fill(bus, self.store))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop both."""
        self.broker.stop()
        self.store.stop()


async def _fill(bus: BusSettings, store: StoreProcess) -> Company:
    await Admin(bus).ensure_topics(TOPICS)
    now = datetime.now(UTC)
    events = _events(now)
    async with StoreClient(store.settings) as client, Producer(bus, client_id="filler") as producer:
        await migrate(store.settings)
        positions = await producer.publish(
            [
                OutgoingRecord(
                    topic=EVENTS_LOG,
                    key=event.source.encode(),
                    value=encode_event(event),
                    headers=(SCHEMA_HEADER,),
                )
                for event in events
            ]
        )
        await _store(client, events, positions, now)
        alerts = _alerts(events, positions, now)
        placed = [(alert, At("alerts", 0, offset)) for offset, alert in enumerate(alerts)]
        await client.insert("alerts", alerts_rows(placed), token="alerts")
    return Company(events, alerts)


def _events(now: datetime) -> list[Event]:
    ids = EventIds(_ticking(now))
    found = []
    for number in range(90):
        source = SOURCES[number % 3]
        time = now - timedelta(seconds=(90 - number) * 40)
        text = f"Failed password for user{number} from 203.0.113.{number}"
        found.append(
            Event(
                id=ids.next(),
                kind=Kind.LOG,
                time=time,
                observed_time=time,
                source=source,
                fields={"message": text, "user.name": f"user{number}"},
                raw=f"<38>{text}".encode(),
            )
        )
    return found


def _ticking(now: datetime) -> Callable[[], int]:
    return lambda: int(now.timestamp() * 1e9)


async def _store(
    client: StoreClient, events: list[Event], positions: list[Position], now: datetime
) -> None:
    by_partition: dict[int, list[tuple[Event, Position]]] = {}
    for event, position in zip(events, positions, strict=True):
        by_partition.setdefault(position.partition, []).append((event, position))
    for partition, pairs in by_partition.items():
        pairs.sort(key=lambda pair: pair[1].offset)
        await client.insert("events", events_rows(pairs), token=f"events-{partition}")
        booked: dict[tuple[str, datetime], int] = {}
        for event, _ in pairs:
            day = event.observed_time.replace(hour=0, minute=0, second=0, microsecond=0)
            booked[event.source, day] = booked.get((event.source, day), 0) + 1
        rows = [
            LedgerRow(
                topic=EVENTS_LOG,
                partition=partition,
                first_offset=pairs[0][1].offset,
                last_offset=pairs[-1][1].offset,
                source=source,
                received=received,
                dead_lettered=0,
                dropped=0,
                reason="",
                observed_date=day.date(),
                time=now,
            )
            for (source, day), received in booked.items()
        ]
        await client.insert("ledger", ledger_rows(rows), token=f"ledger-{partition}")


def _alerts(events: list[Event], positions: list[Position], now: datetime) -> list[Alert]:
    found = []
    for number, level in enumerate(LEVELS):
        event, at = events[-1 - number], positions[-1 - number]
        rule = f"{number:08d}-0000-4000-8000-000000000000"
        found.append(
            Alert(
                id=alert_id(rule, "0123456789ab", {}, event.id),
                rule_id=rule,
                rule_title=SCRIPT if level == "low" else f"A {level} thing happened",
                rule_revision="0123456789ab",
                rule_author="Tocsin",
                level=level,
                tags=["attack.t1110"],
                time=event.time,
                observed_time=now,
                group={},
                matched={"user.name": "root"},
                entity=f"{SCRIPT} on web-01",
                events=[
                    EventPosition(
                        id=event.id,
                        topic=at.topic,
                        partition=at.partition,
                        offset=at.offset,
                        time=event.time,
                    )
                ],
                event_count=1,
                source=event.source,
            )
        )
    return found
