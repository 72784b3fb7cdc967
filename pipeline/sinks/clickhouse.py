"""Events, samples, clicks, alerts, deliveries and dead letters to ClickHouse, each exactly once.

A batch is stored in this order: its rows, what must be parked, its ledger rows. All carry the
batch's token, so a repetition stores nothing new. Where the token may be forgotten, the store
is asked which offsets of the range it has, and only the others are stored.

A record that cannot be read, or whose row the store refuses, is parked on ``dead-letter`` and
counted as such; it never holds up its partition. A refused row of ``dead_letters`` itself is
only reported: parking it again would go on for ever, and it still lies on the topic.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Generic, Protocol, TypeVar

import structlog

from pipeline.bus.consumer import Record
from pipeline.bus.dead_letter import dead_letter
from pipeline.bus.position import Position
from pipeline.bus.producer import OutgoingRecord
from pipeline.errors import UndecodableRecord
from pipeline.metrics import SINK_DEAD_LETTERED
from pipeline.schema.topics import DEAD_LETTER
from pipeline.sinks.account import (
    LEDGER_TOPICS,
    Entry,
    ledger_rows_of,
    written_at,
)
from pipeline.sinks.buffer import Batch
from pipeline.sinks.shelves import Item, Shelf, shelves
from pipeline.sinks.splitting import Refusal, insert_splitting
from pipeline.store import rows
from pipeline.store.native import Rows

log = structlog.get_logger()

MAX_DAYS = 50
"""Days in one INSERT; ClickHouse refuses a block for over 100 partitions."""
T = TypeVar("T")


class Store(Protocol):
    """What the sink asks of the store."""

    async def insert(self, table: str, rows: Rows, *, token: str) -> None:
        """Store rows once for each token."""
        ...

    async def stored_offsets(
        self, table: str, topic: str, partition: int, first: int, last: int
    ) -> Collection[int]:
        """Which offsets of a range have a row."""
        ...

    async def has_ledger(self, topic: str, partition: int, first: int, last: int) -> bool:
        """Whether ledger rows of exactly this range are stored."""
        ...


class Publisher(Protocol):
    """What the sink asks of the log."""

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Position]:
        """Return once all are acknowledged."""
        ...


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


@dataclass(frozen=True, slots=True)
class Sorted(Generic[T]):
    """The records of a batch, read: those that get a row, what each adds, and the rejects."""

    items: list[Item[T]]
    entries: list[Entry]
    rejects: list[Reject]


class ClickHouseSink:
    """Stores batches of any topic that has a shelf. For the loop.

    Args:
        store: Where rows go.
        publisher: Where what cannot be stored is parked.
        now: Our clock, in UTC.
    """

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._now = now
        self._shelves = shelves()

    async def write(self, batch: Batch, *, is_trusted: bool) -> None:
        """Store a batch; see ``pipeline.sinks.lane.Sink``.

        Raises:
            StoreUnavailable, StoreRefused, BusUnavailable, BusRefused: Not all of it is known
                to be stored; the same batch may be written again.
        """
        now = self._now()
        shelf = self._shelves[batch.partition.topic]
        found = await asyncio.to_thread(sort_out, shelf, batch.records, now)
        refusals = []
        if found.items:
            writer = _Writer(self._store, shelf, batch, now)
            refusals = await writer.write(found.items, is_trusted=is_trusted)
        rejects = found.rejects + [_refused(shelf, refusal, now) for refusal in refusals]
        if rejects:
            await self._park(batch, rejects)
        if batch.partition.topic in LEDGER_TOPICS:
            await self._account(batch, found.entries, rejects, now, is_trusted=is_trusted)

    async def _park(self, batch: Batch, rejects: Sequence[Reject]) -> None:
        topic = batch.partition.topic
        for reject in rejects:
            SINK_DEAD_LETTERED.labels(topic=topic, reason=reject.reason).inc()
        log.warning("records_parked", topic=topic, records=len(rejects), detail=rejects[0].detail)
        if topic != DEAD_LETTER:
            await self._publisher.publish([_parked(reject) for reject in rejects])

    async def _account(
        self,
        batch: Batch,
        entries: list[Entry],
        rejects: Sequence[Reject],
        now: datetime,
        *,
        is_trusted: bool,
    ) -> None:
        at = batch.partition
        if not is_trusted and await self._store.has_ledger(
            at.topic, at.partition, batch.first, batch.last
        ):
            return
        if at.topic != DEAD_LETTER:
            entries = entries + [reject.entry for reject in rejects]
        ledger = ledger_rows_of(batch, entries, now=now)
        await self._store.insert("ledger", rows.ledger_rows(ledger), token=batch.token)


class _Writer(Generic[T]):
    """Stores the rows of one batch."""

    def __init__(self, store: Store, shelf: Shelf[T], batch: Batch, now: datetime) -> None:
        self._store = store
        self._shelf = shelf
        self._batch = batch
        self._now = now

    async def write(self, items: Sequence[Item[T]], *, is_trusted: bool) -> list[Refusal[Item[T]]]:
        """Store what is not stored; the rows that the store refuses."""
        token = self._batch.token
        if is_trusted or self._shelf.collapses:
            return await insert_splitting(items, token, self._insert)
        refusals: list[Refusal[Item[T]]] = []
        # Twice: a first time under the range's own token, in case a former owner still comes
        # through with it; then, if the store took that for a repetition, under one of its own.
        for suffix in ("", f"/again-{self._now.timestamp():.0f}"):
            missing = await self._missing(items, refusals)
            if not missing:
                break
            if len(missing) < len(items):
                suffix += f"/only-{missing[0][1].offset}-{len(missing)}"
            refusals += await insert_splitting(missing, token + suffix, self._insert)
        return refusals

    async def _missing(
        self, items: Sequence[Item[T]], refusals: Sequence[Refusal[Item[T]]]
    ) -> list[Item[T]]:
        at = self._batch.partition
        stored = await self._store.stored_offsets(
            self._shelf.table, at.topic, at.partition, self._batch.first, self._batch.last
        )
        refused = {refusal.row[1].offset for refusal in refusals}
        return [
            item for item in items if item[1].offset not in stored and item[1].offset not in refused
        ]

    async def _insert(self, items: Sequence[Item[T]], token: str) -> None:
        for part, part_token in self._parts(items, token):
            blocks = await asyncio.to_thread(self._shelf.blocks, part, self._now)
            for block in blocks:
                await self._store.insert(block.table, block.rows, token=part_token)
                block.stored()

    def _parts(self, items: Sequence[Item[T]], token: str) -> list[tuple[Sequence[Item[T]], str]]:
        """The items in one part, or in several where they are of too many days for one INSERT."""
        day = self._shelf.day
        if day is None or len(days := sorted({day(value) for value, _ in items})) <= MAX_DAYS:
            return [(items, token)]
        group = {of: number // MAX_DAYS for number, of in enumerate(days)}
        ordered = sorted(items, key=lambda item: group[day(item[0])])
        return [
            (list(part), f"{token}/days-{number}")
            for number, part in groupby(ordered, lambda item: group[day(item[0])])
        ]


def sort_out(shelf: Shelf[T], records: Sequence[Record], now: datetime) -> Sorted[T]:
    """Read the records of a batch; what cannot be read is a reject. Pure."""
    items: list[Item[T]] = []
    entries: list[Entry] = []
    rejects: list[Reject] = []
    read, entry_of, is_kept = shelf.read, shelf.entry, shelf.is_kept
    for record in records:
        try:
            value = read(record)
        except UndecodableRecord as error:
            rejects.append(_undecodable(record, error, now))
            continue
        if is_kept(record):
            items.append((value, record))
        entry = entry_of(value, record, now)
        if entry is not None:
            entries.append(entry)
    return Sorted(items, entries, rejects)


def _undecodable(record: Record, error: UndecodableRecord, now: datetime) -> Reject:
    entry = Entry(
        offset=record.offset,
        source=_key_source(record),
        day=written_at(record, now).date(),
        dead_lettered=1,
        reason="undecodable",
    )
    return Reject(record, entry.reason, str(error), entry)


def _refused(shelf: Shelf[Any], refusal: Refusal[Item[Any]], now: datetime) -> Reject:
    """A row that the store refused; that its record was received is counted already."""
    value, record = refusal.row
    counted = shelf.entry(value, record, now)
    entry = Entry(
        offset=record.offset,
        source=counted.source if counted else _key_source(record),
        day=counted.day if counted else written_at(record, now).date(),
        received=0,
        dead_lettered=1,
        reason="refused_by_store",
    )
    return Reject(record, entry.reason, str(refusal.error), entry)


def _key_source(record: Record) -> str:
    return (record.key or b"unknown").decode(errors="replace")


def _parked(reject: Reject) -> OutgoingRecord:
    record = reject.record
    return dead_letter(
        value=record.value or b"",
        source=reject.entry.source,
        reason=reject.reason,
        detail=reject.detail,
        origin=Position(record.topic, record.partition, record.offset),
    )
