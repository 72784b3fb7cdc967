"""Who visits a site, and what they look at."""

import asyncio
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pipeline.store.queries.clicks import (
    sites,
    top_events,
    top_pages,
    top_referrers,
    totals,
    visits,
)
from pipeline.store.queries.span import Span
from web.dependencies import ConsoleDep, Viewer
from web.rendering import page
from web.rendering.clicks import BARS, RANGES, ClicksAddress, bars, stretches

router = APIRouter(prefix="/clicks")

RANKED = 15
Text = Annotated[str, Query(max_length=400)]


@router.get("")
async def show(
    request: Request, console: ConsoleDep, user: Viewer, site: Text = "", range: Text = "24h"
) -> Response:
    """Page views, visitors, pages, referrers and events of a site; the first without one named."""
    known = await sites(console.store)
    address = ClicksAddress(
        site=site or (known[0] if known else ""), range=range if range in RANGES else "24h"
    )
    now = console.database.now()
    span = Span(now - RANGES[address.range][1], now)
    if address.site not in known:
        script = f"http://{request.url.hostname}:{console.pipeline.http.port}/t.js"
        return page(
            request,
            "clicks",
            address=address,
            sites=known,
            ranges=RANGES,
            script=script,
            chart=None,
        )
    store = console.store
    (step, found), total, pages, referrers, events = await asyncio.gather(
        visits(store, address.site, span, buckets=BARS),
        totals(store, address.site, span),
        top_pages(store, address.site, span, limit=RANKED),
        top_referrers(store, address.site, span, limit=RANKED),
        top_events(store, address.site, span, limit=RANKED),
    )
    every = stretches(found, span, step)
    return page(
        request,
        "clicks",
        address=address,
        sites=known,
        ranges=RANGES,
        script="",
        chart=bars(every, step, ZoneInfo(console.settings.time_zone)),
        stretches=every,
        step=step,
        busiest=max(every, key=lambda one: one.views),
        total=total,
        pages=pages,
        referrers=referrers,
        events=events,
    )
