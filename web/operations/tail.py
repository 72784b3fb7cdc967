"""Events as they come in: the end of the log, read while somebody looks, held against searches.

What is looked at is bounded, and what is left out is counted: a view shows the newest matches of
each turn, and when the log grows faster than it is read the reading goes on at its end.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from pipeline.bus.consumer import Record
from pipeline.bus.position import TopicPartition
from pipeline.bus.reader import Reader
from pipeline.errors import PipelineError, UndecodableRecord
from pipeline.schema.codec import decode_event
from pipeline.schema.event import Event
from pipeline.schema.topics import EVENTS_LOG
from pipeline.settings import BusSettings
from pipeline.store.search_language.predicate import Predicate
from web.metrics import STREAMS, TAIL_DROPPED

log = structlog.get_logger()

POLL_RECORDS = 1_000
POLL_SECONDS = 0.25
PAUSE_SECONDS = 0.2
"""Between two polls: at most 5,000 events a second are looked at, whatever comes in."""
MOST_BEHIND = 5_000
RETRY_SECONDS = 2.0
VIEW_ROWS = 100
MOST_VIEWS = 20


@dataclass(slots=True, kw_only=True)
class View:
    """What one page sees.

    Attributes:
        matches: The search it was opened with.
        rows: Matches since they were taken last, the newest first; at most ``VIEW_ROWS``.
        looked_at: Events held against the search.
        matched: How many of them it means.
        dropped: Matches that were not shown, because newer ones took their place.
        skipped: Events that nobody looked at, because too many came.
        problem: Why nothing comes; empty while it does.
    """

    matches: Predicate
    rows: deque[Event] = field(default_factory=lambda: deque(maxlen=VIEW_ROWS))
    looked_at: int = 0
    matched: int = 0
    dropped: int = 0
    skipped: int = 0
    problem: str = ""

    def look(self, event: Event) -> None:
        """Keep the event if it is meant."""
        self.looked_at += 1
        if not self.matches(event):
            return
        self.matched += 1
        if len(self.rows) == VIEW_ROWS:
            self.dropped += 1
            TAIL_DROPPED.labels(reason="replaced").inc()
        self.rows.appendleft(event)

    def take(self) -> list[Event]:
        """What came since this was called last, the newest first."""
        taken = list(self.rows)
        self.rows.clear()
        return taken


class Tail:
    """Reads the end of the log for all views, while there are any. For the loop."""

    def __init__(self, bus: BusSettings) -> None:
        self._bus = bus
        self._views: list[View] = []
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether no further page may look."""
        return len(self._views) >= MOST_VIEWS

    @contextmanager
    def view(self, matches: Predicate) -> Iterator[View]:
        """A view that fills while the block runs."""
        made = View(matches=matches)
        self._views.append(made)
        STREAMS.labels(stream="tail").set(len(self._views))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(), name="tail")
        try:
            yield made
        finally:
            self._views.remove(made)
            STREAMS.labels(stream="tail").set(len(self._views))
            if not self._views:
                self._reading.cancel()
                self._reading = None

    async def _read(self) -> None:
        while True:
            try:
                async with Reader(self._bus, client_id="tocsin-console-tail") as reader:
                    await self._follow(reader)
            except PipelineError as error:
                log.info("tail_interrupted", error=str(error))
                for view in self._views:
                    view.problem = "The log did not answer. It is asked again."
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, reader: Reader) -> None:
        """Read from the end on, and from the new end whenever that is too far away."""
        partitions = await reader.partitions(EVENTS_LOG)
        await self._to_end(reader, partitions)
        while True:
            records = await reader.poll(max_records=POLL_RECORDS, timeout_seconds=POLL_SECONDS)
            for view in self._views:
                view.problem = ""
            self._show(records)
            if len(records) == POLL_RECORDS:
                await self._to_end(reader, partitions, if_behind=MOST_BEHIND)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _to_end(
        self, reader: Reader, partitions: Sequence[TopicPartition], *, if_behind: int = 0
    ) -> None:
        held = await reader.offsets(partitions)
        known = reader.positions
        behind = sum(held[at].end - known.get(at, held[at].end) for at in held)
        if known and behind <= if_behind:
            return
        await reader.assign({at: span.end for at, span in held.items()})
        if behind:
            TAIL_DROPPED.labels(reason="behind").inc(behind)
            for view in self._views:
                view.skipped += behind

    def _show(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                event = decode_event(record.value or b"")
            except UndecodableRecord:
                continue  # the ClickHouse sink parks and counts it
            for view in self._views:
                view.look(event)
