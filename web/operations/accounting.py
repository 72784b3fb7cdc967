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
        self._measuring = asyncio.Lock()
        self._newest: tuple[float, Account] | None = None

    async def account(self) -> Account:
        """The ledger, not older than a second.

        Raises:
            StoreUnavailable, BusUnavailable: A term could not be counted.
        """
        async with self._measuring:
            if self._newest is None or self._clock() - self._newest[0] > FRESH_SECONDS:
                now = datetime.now(UTC)
                since = oldest_whole_day(now.date(), self._retention_days)
                account = Account(reconcile(await self._measure(since)), now)
                self._newest = self._clock(), account
            return self._newest[1]

    def forget(self) -> None:
        """Measure again for the next one who asks."""
        self._newest = None

    async def _measure(self, since: date) -> Measured:
        covered = await measured.coverage(self._store, since)
        booked = await measured.booked(self._store, since, covered)
        stored = await measured.stored(self._store, since, covered)
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
            log=[
                LogSpan(topic=at.topic, partition=at.partition, start=held.start, end=held.end)
                for at, held in log.items()
            ],
        )


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
