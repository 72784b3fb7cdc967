"""The ledger: measured in the store and the log, in the order that keeps it honest."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from time import monotonic

from pipeline.ledger import Counted, Coverage, Ledger, LogSpan, Measured, Terms, reconcile
from pipeline.schema.topics import DEAD_LETTER, EVENT_TOPICS
from pipeline.store.client import StoreClient
from pipeline.store.queries import measured
from pipeline.store.queries.ledger import oldest_whole_day
from web.operations.log_watch import LogWatch

FRESH_SECONDS = 1.0
TOPICS = frozenset({*EVENT_TOPICS.values(), DEAD_LETTER})


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger, and when it was measured."""

    ledger: Ledger
    checked: datetime


class Accountant:
    """Measures the ledger on demand, for everybody who asks at the same time at once."""

    def __init__(
        self,
        store: StoreClient,
        log: LogWatch,
        *,
        retention_days: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._log = log
        self._retention_days = retention_days
        self._clock = clock
        self._measuring: asyncio.Task[Account] | None = None
        self._newest: tuple[float, Account] | None = None

    async def account(self, *, max_age_seconds: float = FRESH_SECONDS) -> Account:
        """The ledger, not older than that.

        Whoever stops waiting stops nothing: the measuring goes on for the next one who asks.

        Raises:
            StoreUnavailable, BusUnavailable: A term could not be counted.
        """
        if self._newest is not None and self._clock() - self._newest[0] <= max_age_seconds:
            return self._newest[1]
        if self._measuring is None or self._measuring.done():
            self._measuring = asyncio.create_task(self._renew(), name="ledger")
            self._measuring.add_done_callback(_heard)
        return await asyncio.shield(self._measuring)

    async def _renew(self) -> Account:
        begun = self._clock()
        now = datetime.now(UTC)
        since = oldest_whole_day(now.date(), self._retention_days)
        account = Account(reconcile(await self._measure(since)), now)
        self._newest = begun, account
        return account

    def forget(self) -> None:
        """Measure again for the next one who asks."""
        self._newest = None

    async def _measure(self, since: date) -> Measured:
        covered = await measured.coverage(self._store, since)
        booked = await measured.booked(self._store, since, covered)
        stored = await measured.stored(self._store, since, covered)
        letters = await measured.parked(self._store, since)
        log = await self._log.read_spans(TOPICS)
        return Measured(
            coverage=[
                Coverage(
                    topic=at.topic,
                    partition=at.partition,
                    begin=at.begin,
                    end=at.end,
                    records=at.records,
                )
                for at in covered
            ],
            counted=[
                Counted(
                    source=row.source,
                    reason=row.reason,
                    received=row.received,
                    dead_lettered=row.dead_lettered,
                    dropped=row.dropped,
                )
                for row in booked
            ],
            stored=stored,
            letters=letters,
            log=[
                LogSpan(topic=at.topic, partition=at.partition, start=held.start, end=held.end)
                for at, held in log.items()
            ],
        )


def _heard(task: asyncio.Task[Account]) -> None:
    """Take note of an error that nobody waited for any more."""
    if not task.cancelled():
        task.exception()


def ledger_json(ledger: Ledger) -> dict[str, object]:
    """The ledger as machines read it; what is in flight belongs to no source yet."""
    return {
        "totals": _terms_json(ledger.totals),
        "sources": [{"source": of.source, **_terms_json(of.terms)} for of in ledger.sources],
    }


def _terms_json(terms: Terms) -> dict[str, int]:
    return {
        "received": terms.received,
        "stored": terms.stored,
        "dead_lettered": terms.dead_lettered,
        "dropped": terms.dropped,
        "in_flight": terms.in_flight,
    }
