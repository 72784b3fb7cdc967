"""Page views and visitors of a site."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.event_rows import time_of
from pipeline.store.queries.span import Span, bounded

_IN_SITE = (
    "site = {site:String}"
    " AND time >= fromUnixTimestamp64Milli(intDiv({begin:Int64}, 1000), 'UTC')"
    " AND time < fromUnixTimestamp64Milli(intDiv({end:Int64}, 1000), 'UTC')"
)
PAGE = "page"


@dataclass(frozen=True, slots=True)
class Visits:
    """A stretch of time.

    Attributes:
        views: Page views.
        visitors: Different visitors among them.
    """

    begin: datetime
    views: int
    visitors: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """A page or a referrer by page views, or another event by how often it happened."""

    name: str
    views: int
    visitors: int


async def sites(client: StoreClient) -> tuple[str, ...]:
    """Every site that was heard of, in order, at most 1,000."""
    rows = await client.query(
        NamedQuery(
            name="click_sites",
            sql="SELECT DISTINCT toString(site) AS name FROM clicks ORDER BY name LIMIT 1000",
            parameters={},
        )
    )
    return tuple(name for (name,) in rows)


async def totals(client: StoreClient, site: str, span: Span) -> Visits:
    """Page views and visitors of the whole span."""
    rows = await client.query(
        NamedQuery(
            name="click_totals",
            sql="SELECT countIf(event = {page:String}), uniqExactIf(visitor, event = {page:String})"  # noqa: S608
            f" FROM clicks WHERE {_IN_SITE}",
            parameters={**span.parameters(), "site": site, "page": PAGE},
        )
    )
    return Visits(span.begin, int(rows[0][0]), int(rows[0][1]))


async def visits(
    client: StoreClient, site: str, span: Span, *, buckets: int = 60
) -> tuple[timedelta, tuple[Visits, ...]]:
    """Page views over time, and the width of each stretch; empty ones are absent."""
    step = span.step(buckets)
    rows = await client.query(
        NamedQuery(
            name="click_visits",
            sql="SELECT intDiv(toUnixTimestamp(time), {step:UInt32}) * {step:UInt32} AS bucket,"  # noqa: S608
            f" count(), uniqExact(visitor) FROM clicks WHERE {_IN_SITE}"
            " AND event = {page:String} GROUP BY bucket ORDER BY bucket",
            parameters={
                **span.parameters(),
                "site": site,
                "page": PAGE,
                "step": int(step.total_seconds()),
            },
        )
    )
    return step, tuple(
        Visits(time_of(int(begin) * 1_000_000), int(views), int(visitors))
        for begin, views, visitors in rows
    )


async def top_pages(
    client: StoreClient, site: str, span: Span, *, limit: int = 20
) -> tuple[Ranked, ...]:
    """The pages seen most, by path; at most 1,000."""
    # The tracker tells the whole address; other senders may tell the path alone.
    return await _ranked(client, "if(path = '', path(url), path)", site, span, limit)


async def top_referrers(
    client: StoreClient, site: str, span: Span, *, limit: int = 20
) -> tuple[Ranked, ...]:
    """Where visitors came from, by host; at most 1,000. Nowhere is the empty name."""
    return await _ranked(client, "domain(referrer)", site, span, limit)


async def top_events(
    client: StoreClient, site: str, span: Span, *, limit: int = 20
) -> tuple[Ranked, ...]:
    """What else visitors did (clicks, and events that a site names), at most 1,000."""
    rows = await client.query(
        NamedQuery(
            name="click_events",
            sql="SELECT toString(event) AS name, count() AS happened, uniqExact(visitor)"  # noqa: S608
            f" FROM clicks WHERE {_IN_SITE} AND event != {{page:String}}"
            " GROUP BY name ORDER BY happened DESC, name LIMIT {limit:UInt32}",
            parameters={
                **span.parameters(),
                "site": site,
                "page": PAGE,
                "limit": bounded(limit, 1000),
            },
        )
    )
    return tuple(Ranked(name, int(happened), int(visitors)) for name, happened, visitors in rows)


async def _ranked(
    client: StoreClient, expression: str, site: str, span: Span, limit: int
) -> tuple[Ranked, ...]:
    rows = await client.query(
        NamedQuery(
            name="click_ranked",
            sql=f"SELECT toString({expression}) AS name, count() AS views, uniqExact(visitor)"  # noqa: S608
            f" FROM clicks WHERE {_IN_SITE} AND event = {{page:String}}"
            " GROUP BY name ORDER BY views DESC, name LIMIT {limit:UInt32}",
            parameters={
                **span.parameters(),
                "site": site,
                "page": PAGE,
                "limit": bounded(limit, 1000),
            },
        )
    )
    return tuple(Ranked(name, int(views), int(visitors)) for name, views, visitors in rows)
