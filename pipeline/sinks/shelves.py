"""What of each topic goes into which table, and how a record becomes a row.

A Shelf is for the records of one topic; it knows no store and no log.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

from pipeline.bus.consumer import Record
from pipeline.bus.dead_letter import DeadLetter, read_dead_letter
from pipeline.errors import UndecodableRecord
from pipeline.schema.alert import Alert
from pipeline.schema.codec import decode_alert, decode_event
from pipeline.schema.delivery import Delivery, decode_delivery
from pipeline.schema.event import Event, Kind
from pipeline.schema.topics import (
    ALERTS,
    DEAD_LETTER,
    DELIVERIES,
    EVENTS_CLICK,
    EVENTS_LOG,
    EVENTS_METRIC,
)
from pipeline.sinks.account import Entry, dead_letter_entry, tally_of, written_at
from pipeline.store import rows
from pipeline.store.native import Rows

MAX_SERIES = 500_000
T = TypeVar("T")
Item = tuple[T, Record]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows for one table, and what to do once they are stored."""

    table: str
    rows: Rows
    stored: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf(Generic[T]):
    """Where a topic's records go.

    Attributes:
        table: The table that has a row for every record, with its position.
        read: The value of a record, or UndecodableRecord.
        blocks: The rows of values and their records; the time is now.
        entry: What a record adds to the ledger; None for nothing.
        is_kept: Whether a record gets a row at all.
        day: The day that the store ages a row by; its table is partitioned by it.
        collapses: Whether the table makes one of rows that are stored twice.
    """

    table: str
    read: Callable[[Record], T]
    blocks: Callable[[Sequence[Item[T]], datetime], list[Block]]
    entry: Callable[[T, Record, datetime], Entry | None]
    is_kept: Callable[[Record], bool] = lambda _: True
    day: Callable[[T], date] | None = None
    collapses: bool = False


def event_shelf(
    kind: Kind, table: str, blocks: Callable[[Sequence[Item[Event]], datetime], list[Block]]
) -> Shelf[Event]:
    """The shelf of an events topic."""

    def read(record: Record) -> Event:
        event = decode_event(record.value or b"")
        if event.kind is not kind:
            raise UndecodableRecord(f"an event of kind {event.kind}, not {kind}")
        return event

    def entry(event: Event, record: Record, now: datetime) -> Entry:
        return Entry(offset=record.offset, source=event.source, day=observed_day(event))

    return Shelf(
        table=table,
        read=read,
        blocks=blocks,
        entry=entry,
        day=observed_day,
    )


def observed_day(event: Event) -> date:
    """The day an event was observed, in UTC."""
    time = event.observed_time
    return time.date() if time.tzinfo is UTC else time.astimezone(UTC).date()


class SeenSeries:
    """Which series have their labels in the store today. Bounded: when full it forgets all."""

    def __init__(self) -> None:
        self._day = date.min
        self._seen: set[int] = set()

    def look(self, day: date) -> "SeriesLook":
        """What is known on that day; on another one labels are written again, so they age anew."""
        if day != self._day or len(self._seen) > MAX_SERIES:
            self._day, self._seen = day, set()
        return SeriesLook(self._seen)


class SeriesLook(Collection[int]):
    """Known fingerprints, remembering those that were asked for in vain."""

    def __init__(self, seen: set[int]) -> None:
        self._seen = seen
        self._missed: set[int] = set()

    def __contains__(self, fingerprint: object) -> bool:
        if fingerprint in self._seen:
            return True
        if isinstance(fingerprint, int):
            self._missed.add(fingerprint)
        return False

    def __iter__(self) -> Iterator[int]:
        return iter(self._seen)

    def __len__(self) -> int:
        return len(self._seen)

    def stored(self) -> None:
        """What was missed is stored by now."""
        self._seen |= self._missed


def sample_shelf(seen: SeenSeries) -> Shelf[Event]:
    """The shelf of metric samples, which writes the labels of series not yet seen."""

    def blocks(items: Sequence[Item[Event]], now: datetime) -> list[Block]:
        look = seen.look(now.date())
        samples, series = rows.samples_rows(items, known=look)
        return [Block("series", series, look.stored), Block("samples", samples)]

    return event_shelf(Kind.METRIC, "samples", blocks)


def _read_alert(record: Record) -> Alert:
    alert = decode_alert(record.value or b"")
    if alert.time.tzinfo is None or alert.observed_time.tzinfo is None:
        raise UndecodableRecord("not an alert: its times carry no time zone")
    return alert


def _alert_blocks(items: Sequence[Item[Alert]], now: datetime) -> list[Block]:
    return [Block("alerts", rows.alerts_rows(items))]


def _read_delivery(record: Record) -> Delivery:
    return decode_delivery(record.value or b"")


def _delivery_blocks(items: Sequence[Item[Delivery]], now: datetime) -> list[Block]:
    return [Block("deliveries", rows.deliveries_rows(items))]


def _dead_letter_blocks(items: Sequence[Item[DeadLetter]], now: datetime) -> list[Block]:
    letters = [
        rows.DeadLetterRow(
            time=written_at(record, now),
            source=letter.source,
            reason=letter.reason,
            detail=letter.detail,
            value=letter.value,
            origin_topic=letter.origin.topic if letter.origin else "",
            origin_partition=letter.origin.partition if letter.origin else -1,
            origin_offset=letter.origin.offset if letter.origin else -1,
            position=record,
        )
        for letter, record in items
    ]
    return [Block("dead_letters", rows.dead_letters_rows(letters))]


def _no_entry(value: object, record: Record, now: datetime) -> None:
    return None


def shelves() -> dict[str, Shelf[Any]]:
    """The shelf of each topic that the store keeps."""
    return {
        EVENTS_LOG: event_shelf(
            Kind.LOG, "events", lambda items, now: [Block("events", rows.events_rows(items))]
        ),
        EVENTS_METRIC: sample_shelf(SeenSeries()),
        EVENTS_CLICK: event_shelf(
            Kind.CLICK, "clicks", lambda items, now: [Block("clicks", rows.clicks_rows(items))]
        ),
        ALERTS: Shelf(
            table="alerts",
            read=_read_alert,
            blocks=_alert_blocks,
            entry=_no_entry,
            collapses=True,
        ),
        DELIVERIES: Shelf(
            table="deliveries",
            read=_read_delivery,
            blocks=_delivery_blocks,
            entry=_no_entry,
            collapses=True,
        ),
        DEAD_LETTER: Shelf(
            table="dead_letters",
            read=read_dead_letter,
            blocks=_dead_letter_blocks,
            entry=dead_letter_entry,
            is_kept=lambda record: tally_of(record) is None,
            collapses=True,
        ),
    }
