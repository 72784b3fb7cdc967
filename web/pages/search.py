"""Search, facet and read events; a permalink for each."""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from pipeline.errors import QueryInvalid
from pipeline.schema.alert import Alert
from pipeline.schema.fields import BY_NAME
from pipeline.store.queries.alerts import alerts_of_event
from pipeline.store.queries.events import Facets, Histogram, by_id, facets, histogram
from pipeline.store.queries.events import search as search_events
from pipeline.store.queries.span import Cursor, Page, Span
from pipeline.store.rows import StoredEvent
from pipeline.store.search_language import parse
from web.dependencies import Console, ConsoleDep, Viewer
from web.investigate import span_of
from web.rendering import page
from web.rendering.search import (
    HISTOGRAM_BARS,
    RANGES,
    SPLITS,
    TABS,
    WIDER,
    Drawn,
    SearchAddress,
    draw,
    range_text,
    shifted,
)

router = APIRouter()

ROWS = 100
_CONTEXT = timedelta(minutes=2)
FACETS = (
    "host.name",
    "process.name",
    "user.name",
    "source.ip",
    "destination.ip",
    "event.outcome",
    "log.level",
    "logsource.service",
    "source",
)
Text = Annotated[str, Query(max_length=4_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the store answered to a search.

    Attributes:
        page: The rows.
        drawn: The histogram.
        facets: The commonest values.
        seconds: How long all three took.
    """

    page: Page[StoredEvent]
    drawn: Drawn
    facets: Facets
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An event as the drawer shows it.

    Attributes:
        stored: The event and where it lay.
        known, others: Its fields, those with a meaning of their own first.
        raw: Its text; bytes that are none are shown as such.
        document: All of it as JSON.
        alerts: The alerts that it caused.
    """

    stored: StoredEvent
    known: tuple[tuple[str, object], ...]
    others: tuple[tuple[str, object], ...]
    raw: str
    document: str
    alerts: tuple[Alert, ...]


@router.get("/search")
async def show(
    request: Request,
    console: ConsoleDep,
    user: Viewer,
    q: Text = "",
    range: Text = "24h",
    begin: Annotated[str, Query(alias="from", max_length=64)] = "",
    end: Annotated[str, Query(alias="to", max_length=64)] = "",
    by: Text = "level",
    event: Text = "",
    tab: Text = "fields",
    after: Text = "",
) -> Response:
    """Events that match; for htmx only the drawer with one of them."""
    address = SearchAddress(
        q=q.strip(),
        range=range if range in RANGES else "24h",
        begin=begin,
        end=end,
        by=by if by in SPLITS else "level",
        event=event,
        tab=tab if tab in TABS else "fields",
        after=after,
    )
    only_drawer = request.headers.get("HX-Target") == "drawer"
    found, span, problem = None, None, None
    try:
        span = _span(console, address)
        if not only_drawer:
            found = await _find(console, address, span)
        opened = await _open(console, event) if event else None
    except QueryInvalid as error:
        problem, opened = error, None
    status = 422 if problem else 200
    return _answer(request, console, address, found, span, opened, problem, status)


@router.get("/events/{event_id}")
async def show_event(
    request: Request, console: ConsoleDep, user: Viewer, event_id: str, tab: str = "fields"
) -> Response:
    """One event, for as long as it is stored."""
    try:
        opened = await _open(console, event_id)
    except QueryInvalid as error:
        raise HTTPException(404, str(error)) from error
    if opened is None:
        raise HTTPException(
            404, "No event with this id is stored: it never was, or its time to be kept is over."
        )
    at = opened.stored.event.time
    address = SearchAddress(event=event_id)
    return page(
        request,
        "event",
        opened=opened,
        tab=tab if tab in TABS else "fields",
        address=address,
        context_href=address.between(at - _CONTEXT, at + _CONTEXT, event=event_id),
    )


def _span(console: Console, address: SearchAddress) -> Span:
    now = console.database.now()
    if address.is_absolute:
        return span_of(address.begin, address.end, now)
    return span_of(f"-{address.range}", "now", now)


async def _find(console: Console, address: SearchAddress, span: Span) -> Found:
    """Rows, histogram and facets, asked at once."""
    tree = parse(address.q)
    cursor = Cursor.parse(address.after) if address.after else None
    started = perf_counter()
    rows, counts, values = await asyncio.gather(
        search_events(console.store, tree, span, limit=ROWS, after=cursor),
        histogram(console.store, tree, span, buckets=HISTOGRAM_BARS, by=address.by),
        facets(console.store, tree, span, FACETS),
    )
    return Found(
        page=rows,
        drawn=_drawn(console, address, counts, span),
        facets=values,
        seconds=perf_counter() - started,
    )


def _drawn(console: Console, address: SearchAddress, counts: Histogram, span: Span) -> Drawn:
    return draw(address, counts, span, ZoneInfo(console.settings.time_zone))


async def _open(console: Console, event_id: str) -> Opened | None:
    """An event for the drawer; None if it is not stored."""
    stored = await by_id(console.store, event_id)
    if stored is None:
        return None
    event = stored.event
    items = sorted(event.fields.items())
    raw = event.raw.decode("utf-8", "backslashreplace")
    document = {
        "id": event.id,
        "kind": event.kind,
        "time": event.time.isoformat(),
        "observed_time": event.observed_time.isoformat(),
        "source": event.source,
        "position": f"{stored.topic}/{stored.partition}/{stored.offset}",
        "fields": dict(items),
        "raw": raw,
    }
    return Opened(
        stored=stored,
        known=tuple(item for item in items if item[0] in BY_NAME and item[0] != "message"),
        others=tuple(item for item in items if item[0] not in BY_NAME),
        raw=raw,
        document=json.dumps(document, indent=2, ensure_ascii=False),
        alerts=await alerts_of_event(console.store, event_id),
    )


def _answer(
    request: Request,
    console: Console,
    address: SearchAddress,
    found: Found | None,
    span: Span | None,
    opened: Opened | None,
    problem: QueryInvalid | None,
    status: int,
) -> Response:
    zone = ZoneInfo(console.settings.time_zone)
    return page(
        request,
        "search",
        status=status,
        address=address,
        found=found,
        opened=opened,
        problem=problem,
        tab=address.tab,
        ranges=RANGES,
        splits=SPLITS,
        wider=WIDER.get(address.range) if not address.is_absolute else None,
        range_text=range_text(address, span, zone) if span else "",
        earlier=shifted(address, span, later=False) if span else "",
        later=shifted(address, span, later=True) if span else "",
    )
