"""What of each topic goes into which table, and how records become rows.

A Shelf is for the records of one topic; it knows no store and no log. Events are read a chunk at
a time and only their columns kept: of a batch of ten thousand they would fill fifty megabytes,
and be cold when their turn comes.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import repeat
from typing import Protocol, TypeVar

from pipeline.bus.consumer import Record
from pipeline.bus.dead_letter import DeadLetter, read_dead_letter, tally_of
from pipeline.errors import UndecodableRecord
from pipeline.schema.codec import decode_alert, decode_event
from pipeline.schema.delivery import decode_delivery
from pipeline.schema.event import Event, Kind
from pipeline.schema.topics import (
    ALERTS,
    DEAD_LETTER,
    DELIVERIES,
    EVENTS_CLICK,
    EVENTS_LOG,
    EVENTS_METRIC,
)
from pipeline.sinks.account import Entry, dead_letter_entry, ranges, written_at
from pipeline.store import rows
from pipeline.store.event_columns import EventColumns
from pipeline.store.native import Rows

CHUNK_EVENTS = 1_000
MAX_SERIES = 500_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Block:
    """Rows for one table, and what to do once they are stored."""

    table: str
    rows: Rows
    stored: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that gets no row, and why.

    Attributes:
        record, reason, detail: What and why.
        entry: What that adds to the ledger.
    """

    record: Record
    reason: str
    detail: str
    entry: Entry


@dataclass(slots=True)
class Shelved:
    """Records, read.

    Attributes:
        records: Those that get a row.
        blocks: Their rows.
        entries: What they add to the ledger.
        rejects: Those that cannot be read.
    """

    records: list[Record] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where a topic's records go.

    Attributes:
        table: The table that has a row for every record, with its position.
        shelve: Reads records; the time is now.
        collapses: Whether the table makes one of rows that are stored twice.
    """

    table: str
    shelve: Callable[[Sequence[Record], datetime], Shelved]
    collapses: bool = False


def undecodable(record: Record, error: UndecodableRecord, now: datetime) -> Reject:
    """A record that is not what its topic holds."""
    entry = Entry(
        offset=record.offset,
        source=(record.key or b"unknown").decode(errors="replace"),
        day=written_at(record, now).date(),
        dead_lettered=1,
        reason="undecodable",
    )
    return Reject(record, entry.reason, str(error), entry)


def shelf(
    table: str,
    read: Callable[[Record], T],
    blocks: Callable[[Sequence[tuple[T, Record]], datetime], list[Block]],
    *,
    entry: Callable[[T, Record, datetime], Entry | None] = lambda value, record, now: None,
    is_kept: Callable[[Record], bool] = lambda record: True,
) -> Shelf:
    """A shelf of a table that makes one of doubles, for a topic with few records.

    Args:
        table: The table.
        read: The value of a record, or UndecodableRecord.
        blocks: The rows of values and their records; the time is now.
        entry: What a record adds to the ledger; None for nothing.
        is_kept: Whether a record gets a row at all.
    """

    def shelve(records: Sequence[Record], now: datetime) -> Shelved:
        found = Shelved()
        items = []
        for record in records:
            try:
                value = read(record)
            except UndecodableRecord as error:
                found.rejects.append(undecodable(record, error, now))
                continue
            if is_kept(record):
                items.append((value, record))
                found.records.append(record)
            adds = entry(value, record, now)
            if adds is not None:
                found.entries.append(adds)
        found.blocks = blocks(items, now)
        return found

    return Shelf(table=table, shelve=shelve, collapses=True)


class EventBlocks(Protocol):
    """Makes the blocks of events that come in chunks."""

    def add(self, events: Sequence[tuple[Event, Record]]) -> None:
        """Take a chunk."""
        ...

    def blocks(self, now: datetime) -> list[Block]:
        """The rows of all that was added."""
        ...


class LogBlocks:
    """Log events become columns at once."""

    def __init__(self) -> None:
        self._columns = EventColumns()

    def add(self, events: Sequence[tuple[Event, Record]]) -> None:
        """Take a chunk."""
        self._columns.add(events)

    def blocks(self, now: datetime) -> list[Block]:
        """One block."""
        return [Block("events", self._columns.rows())]


class GatheredBlocks:
    """Events of other kinds, which are small and few, become rows all together."""

    def __init__(
        self, make: Callable[[Sequence[tuple[Event, Record]], datetime], list[Block]]
    ) -> None:
        self._make = make
        self._events: list[tuple[Event, Record]] = []

    def add(self, events: Sequence[tuple[Event, Record]]) -> None:
        """Take a chunk."""
        self._events += events

    def blocks(self, now: datetime) -> list[Block]:
        """What ``make`` makes of them."""
        return self._make(self._events, now)


def event_shelf(kind: Kind, table: str, collect: Callable[[], EventBlocks]) -> Shelf:
    """The shelf of an events topic."""

    def shelve(records: Sequence[Record], now: datetime) -> Shelved:
        found, collected = Shelved(), collect()
        for run in runs(records):
            counts = Counter[tuple[str, date]]()
            for begin in range(0, len(run), CHUNK_EVENTS):
                events = _read_events(run[begin : begin + CHUNK_EVENTS], kind, now, found)
                counts.update(_sources_and_days([event for event, _ in events]))
                found.records += [record for _, record in events]
                collected.add(events)
            found.entries += [
                Entry(offset=run[0].offset, source=source, day=day, received=count)
                for (source, day), count in counts.items()
            ]
        found.blocks = collected.blocks(now)
        return found

    return Shelf(table=table, shelve=shelve)


def runs(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """The records of each range without holes."""
    begin = 0
    for first, last in ranges(records):
        end = begin + last - first + 1
        yield records[begin:end]
        begin = end


def _read_events(
    records: Sequence[Record], kind: Kind, now: datetime, found: Shelved
) -> list[tuple[Event, Record]]:
    """The events of a chunk; what is none becomes a reject."""
    events = []
    for record in records:
        try:
            event = decode_event(record.value or b"")
            if event.kind is not kind:
                raise UndecodableRecord(f"an event of kind {event.kind}, not {kind}")
        except UndecodableRecord as error:
            found.rejects.append(undecodable(record, error, now))
        else:
            events.append((event, record))
    return events


def _sources_and_days(events: Sequence[Event]) -> Iterable[tuple[str, date]]:
    """Whose each event is, and the day in UTC on which it was observed."""
    times = [event.observed_time for event in events]
    sources = [event.source for event in events]
    if times and (day := utc_day(min(times))) == utc_day(max(times)):
        return zip(sources, repeat(day), strict=False)
    return zip(sources, map(utc_day, times), strict=True)


def utc_day(time: datetime) -> date:
    """The day of a time, in UTC; at the ends of the calendar, where UTC has none, as it is told."""
    if time.tzinfo is UTC:
        return time.date()
    try:
        return time.astimezone(UTC).date()
    except OverflowError:
        return time.date()


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


def _sample_blocks(
    seen: SeenSeries,
) -> Callable[[Sequence[tuple[Event, Record]], datetime], list[Block]]:
    """Metric samples, and the labels of series not yet seen."""

    def blocks(events: Sequence[tuple[Event, Record]], now: datetime) -> list[Block]:
        look = seen.look(now.date())
        samples, series = rows.samples_rows(events, known=look)
        return [Block("series", series, look.stored), Block("samples", samples)]

    return blocks


def _click_blocks(events: Sequence[tuple[Event, Record]], now: datetime) -> list[Block]:
    return [Block("clicks", rows.clicks_rows(events))]


def _dead_letter_blocks(letters: Sequence[tuple[DeadLetter, Record]], now: datetime) -> list[Block]:
    found = [
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
        for letter, record in letters
    ]
    return [Block("dead_letters", rows.dead_letters_rows(found))]


def shelves() -> dict[str, Shelf]:
    """The shelf of each topic that the store keeps."""
    make_samples = _sample_blocks(SeenSeries())
    return {
        EVENTS_LOG: event_shelf(Kind.LOG, "events", LogBlocks),
        EVENTS_METRIC: event_shelf(Kind.METRIC, "samples", lambda: GatheredBlocks(make_samples)),
        EVENTS_CLICK: event_shelf(Kind.CLICK, "clicks", lambda: GatheredBlocks(_click_blocks)),
        ALERTS: shelf(
            "alerts",
            lambda record: decode_alert(record.value or b""),
            lambda items, now: [Block("alerts", rows.alerts_rows(items))],
        ),
        DELIVERIES: shelf(
            "deliveries",
            lambda record: decode_delivery(record.value or b""),
            lambda items, now: [Block("deliveries", rows.deliveries_rows(items))],
        ),
        DEAD_LETTER: shelf(
            "dead_letters",
            read_dead_letter,
            _dead_letter_blocks,
            entry=dead_letter_entry,
            is_kept=lambda record: tally_of(record) is None,
        ),
    }
