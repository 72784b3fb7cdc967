"""Who sent how much, and when last: what the overview draws.

Read from ``source_minutes``, by the minute events were observed, so that a look at the page
costs the same whatever was stored. The ledger counts rows instead.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.event_rows import time_of
from pipeline.store.queries.span import Span

MAX_SOURCES = 1000
LATELY = timedelta(minutes=5)
_IN_MINUTES = (
    "minute >= toDateTime(intDiv({begin:Int64}, 60000000) * 60, 'UTC')"
    " AND minute < toDateTime(intDiv({end:Int64} + 59999999, 60000000) * 60, 'UTC')"
)


@dataclass(frozen=True, slots=True)
class SourceVolume:
    """What one source sent in one stretch of time."""

    begin: datetime
    source: str
    events: int


@dataclass(frozen=True, slots=True)
class Volumes:
    """What sources sent over time.

    Attributes:
        step: Width of each stretch; a minute at least.
        volumes: In order of time; silent stretches are absent. Beyond the ten loudest sources
            the rest is one, called ``…``.
    """

    step: timedelta
    volumes: tuple[SourceVolume, ...]


@dataclass(frozen=True, slots=True)
class SourceActivity:
    """One source in a range of time.

    Attributes:
        source: Collector and sender.
        kinds: What it sends: ``log``, ``metric``, ``click``.
        events: How much.
        last_observed: When its last event was observed, in UTC.
        per_second: How fast it sent lately: over the range's last five minutes.
    """

    source: str
    kinds: tuple[str, ...]
    events: int
    last_observed: datetime
    per_second: float


async def volumes(client: StoreClient, span: Span, *, buckets: int = 60) -> Volumes:
    """Events by source over time; whole minutes of observed_time."""
    step = max(span.step(buckets), timedelta(minutes=1))
    rows = await client.query(
        NamedQuery(
            name="overview_volumes",
            sql=f"WITH loud AS (SELECT source FROM source_minutes WHERE {_IN_MINUTES}"  # noqa: S608
            " GROUP BY source ORDER BY sum(events) DESC LIMIT 10)"
            " SELECT intDiv(toUnixTimestamp(minute), {step:UInt32}) * {step:UInt32} AS bucket,"
            " if(source IN loud, toString(source), '…') AS name, sum(events)"
            f" FROM source_minutes WHERE {_IN_MINUTES} GROUP BY bucket, name"
            " ORDER BY bucket, name",
            parameters={**span.parameters(), "step": int(step.total_seconds())},
        )
    )
    found = (
        SourceVolume(time_of(int(begin) * 1_000_000), source, int(events))
        for begin, source, events in rows
    )
    return Volumes(step, tuple(found))


async def sources(client: StoreClient, span: Span) -> tuple[SourceActivity, ...]:
    """Every source that was heard in a range of time, loudest first, at most 1,000."""
    lately = max(span.begin, span.end - LATELY)
    recent = int(lately.timestamp()) // 60 * 60  # whole minutes are counted
    rows = await client.query(
        NamedQuery(
            name="overview_sources",
            sql="SELECT source, arraySort(groupUniqArray(toString(kind))),"  # noqa: S608
            " sum(source_minutes.events) AS heard, toUnixTimestamp64Milli(max(last_observed)),"
            " sumIf(source_minutes.events, minute >= toDateTime({recent:Int64}, 'UTC'))"
            f" FROM source_minutes WHERE {_IN_MINUTES}"
            " GROUP BY source ORDER BY heard DESC, source LIMIT {limit:UInt32}",
            parameters={**span.parameters(), "recent": recent, "limit": MAX_SOURCES},
        )
    )
    return tuple(
        SourceActivity(
            source=source,
            kinds=tuple(kinds),
            events=int(events),
            last_observed=datetime.fromtimestamp(last / 1000, UTC),
            per_second=int(lately) / max(span.end.timestamp() - recent, 1.0),
        )
        for source, kinds, events, last, lately in rows
    )
