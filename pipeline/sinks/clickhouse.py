"""Events, samples, clicks, alerts, deliveries and dead letters to ClickHouse, each exactly once.

A batch is stored in this order: its rows, what must be parked, its ledger rows. All carry the
batch's token, so a repetition stores nothing new. Where the token may be forgotten, the store
is asked which offsets of the range it has, and only the others are stored.

A record that cannot be read, or whose row the store refuses, is parked on ``dead-letter`` and
counted as such; it never holds up its partition. A refused row of ``dead_letters`` itself is
only reported: parking it again would go on for ever, and it still lies on the topic.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from pipeline.bus.consumer import Record
from pipeline.bus.dead_letter import dead_letter
from pipeline.bus.position import Position
from pipeline.bus.producer import OutgoingRecord
from pipeline.metrics import SINK_DEAD_LETTERED
from pipeline.schema.topics import DEAD_LETTER
from pipeline.sinks.account import LEDGER_TOPICS, Entry, ledger_rows_of, written_at
from pipeline.sinks.buffer import Batch
from pipeline.sinks.shelves import Reject, Shelf, Shelved, shelves
from pipeline.sinks.splitting import Refusal, insert_splitting
from pipeline.store import rows
from pipeline.store.native import Rows

log = structlog.get_logger()

MAX_DAYS = 50
"""Days in one INSERT; ClickHouse refuses a block for over 100 partitions."""


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
        self._turn = asyncio.Lock()

    async def write(self, batch: Batch, *, is_trusted: bool) -> None:
        """Store a batch; see ``pipeline.sinks.lane.Sink``.

        Raises:
            StoreUnavailable, StoreRefused, BusUnavailable, BusRefused: Not all of it is known
                to be stored; the same batch may be written again.
        """
        writer = _Writer(
            self._store, self._shelves[batch.partition.topic], batch, self._now(), self._turn
        )
        found, refusals = await writer.write(is_trusted=is_trusted)
        rejects = found.rejects + [await writer.refused(refusal) for refusal in refusals]
        if rejects:
            await self._park(batch, rejects)
        if batch.partition.topic in LEDGER_TOPICS:
            await self._account(batch, found.entries, rejects, writer.now, is_trusted=is_trusted)

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


class _Writer:
    """Stores the rows of one batch.

    Attributes:
        now: When that is, in UTC.
    """

    def __init__(
        self, store: Store, shelf: Shelf, batch: Batch, now: datetime, turn: asyncio.Lock
    ) -> None:
        self.now = now
        self._store = store
        self._shelf = shelf
        self._batch = batch
        self._turn = turn
        self._found = Shelved()

    async def write(self, *, is_trusted: bool) -> tuple[Shelved, list[Refusal[Record]]]:
        """Store what is not stored; what was read, and what the store refuses of it."""
        self._found = await self._shelve(self._batch.records)
        records, token = self._found.records, self._batch.token
        if not records:
            return self._found, []
        if is_trusted or self._shelf.collapses:
            return self._found, await insert_splitting(records, token, self._insert)
        refusals: list[Refusal[Record]] = []
        # Twice: a first time under the range's own token, in case a former owner still comes
        # through with it; then, if the store took that for a repetition, under one of its own.
        for suffix in ("", f"/again-{self.now.timestamp():.0f}"):
            missing = await self._missing(records, refusals)
            if not missing:
                break
            if len(missing) < len(records):
                suffix += f"/only-{missing[0].offset}-{len(missing)}"
            refusals += await insert_splitting(missing, token + suffix, self._insert)
        return self._found, refusals

    async def refused(self, refusal: Refusal[Record]) -> Reject:
        """A row that the store refused; that its record was received is counted already."""
        counted = await self._entry(refusal.row)
        entry = replace(counted, received=0, dead_lettered=1, reason="refused_by_store")
        return Reject(refusal.row, entry.reason, str(refusal.error), entry)

    async def _entry(self, record: Record) -> Entry:
        """What one record adds; of a topic that is not in the ledger, what it would."""
        entries = (await self._shelve([record])).entries
        if entries:
            return entries[0]
        source = (record.key or b"unknown").decode(errors="replace")
        return Entry(offset=record.offset, source=source, day=written_at(record, self.now).date())

    async def _missing(
        self, records: Sequence[Record], refusals: Sequence[Refusal[Record]]
    ) -> list[Record]:
        at = self._batch.partition
        stored = await self._store.stored_offsets(
            self._shelf.table, at.topic, at.partition, self._batch.first, self._batch.last
        )
        refused = {refusal.row.offset for refusal in refusals}
        return [
            record
            for record in records
            if record.offset not in stored and record.offset not in refused
        ]

    async def _shelve(self, records: Sequence[Record]) -> Shelved:
        """Read records in a thread; one batch at a time, because two would only share the time."""
        async with self._turn:
            return await asyncio.to_thread(self._shelf.shelve, records, self.now)

    async def _insert(self, records: Sequence[Record], token: str) -> None:
        is_all = len(records) == len(self._found.records)
        found = self._found if is_all else await self._shelve(records)
        if len({entry.day for entry in found.entries}) > MAX_DAYS:
            await self._insert_by_days(records, token)
            return
        for block in found.blocks:
            await self._store.insert(block.table, block.rows, token=token)
            block.stored()

    async def _insert_by_days(self, records: Sequence[Record], token: str) -> None:
        """In several parts, because they are of too many days for one INSERT."""
        days = {record.offset: (await self._entry(record)).day for record in records}
        group = {day: number // MAX_DAYS for number, day in enumerate(sorted(set(days.values())))}
        parts: dict[int, list[Record]] = defaultdict(list)
        for record in records:
            parts[group[days[record.offset]]].append(record)
        for number, part in sorted(parts.items()):
            await self._insert(part, f"{token}/days-{number}")


def _parked(reject: Reject) -> OutgoingRecord:
    record = reject.record
    return dead_letter(
        value=record.value or b"",
        source=reject.entry.source,
        reason=reject.reason,
        detail=reject.detail,
        origin=Position(record.topic, record.partition, record.offset),
    )
