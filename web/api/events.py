"""Search events, read one."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import Response

from pipeline.store.queries.events import by_id
from web.api.answers import answer, event_json
from web.dependencies import ConsoleDep, ViewerToken
from web.investigate import search, span_of

router = APIRouter(prefix="/api/v1/events", tags=["events"])


@router.get("", summary="Search events, newest first")
async def list_events(
    console: ConsoleDep,
    token: ViewerToken,
    q: Annotated[str, Query(max_length=4_000, description="As typed in the console.")] = "",
    begin: Annotated[str | None, Query(alias="from", max_length=64)] = None,
    end: Annotated[str | None, Query(alias="to", max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=64, description="``next`` of a page.")] = None,
) -> Response:
    """``from`` and ``to`` are RFC 3339, seconds or milliseconds since 1970, ``now`` or ``-15m``.

    Answers ``{"items": […], "next": …}``; give ``next`` as ``after`` to read on, null is the end.
    """
    span = span_of(begin, end, console.database.now())
    page = await search(console.store, q, span, limit=limit, after=after)
    return answer(
        {
            "items": [event_json(found) for found in page.items],
            "next": str(page.next) if page.next else None,
        }
    )


@router.get("/{event_id}", summary="One event")
async def read_event(console: ConsoleDep, token: ViewerToken, event_id: str) -> Response:
    """The event of that id; 404 once it is no longer kept."""
    found = await by_id(console.store, event_id)
    if found is None:
        raise HTTPException(404, "No event of this id is stored.")
    return answer(event_json(found))
