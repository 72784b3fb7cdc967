"""The live tail: the events of one page's search as they come in, and how many were left out."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pipeline.store.search_language import parse
from pipeline.store.search_language.predicate import Predicate, predicate
from web.dependencies import Console, ConsoleDep, Viewer
from web.operations.tail import View
from web.rendering import block
from web.streams.channel import BEAT_SECONDS, RETRY, encode
from web.streams.connections import closing, stream

router = APIRouter(prefix="/streams")

EVERY_SECONDS = 1.0


@router.get("/tail")
async def live(
    request: Request,
    console: ConsoleDep,
    user: Viewer,
    q: Annotated[str, Query(max_length=4_000)] = "",
) -> Response:
    """``rows``: new matches, the newest first; ``counts``: what was looked at, and what was not."""
    source = Turns(console, predicate(parse(q)), closing(request))
    return await stream(request, console, source, is_full=console.tail.is_full)


class Turns:
    """One page's messages, once a second. For the loop."""

    def __init__(self, console: Console, matches: Predicate, closing: asyncio.Event) -> None:
        self._console = console
        self._matches = matches
        self._closing = closing

    async def listen(self, still_welcome: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """Messages until the page goes, the console stops or nobody is welcome any more."""
        yield RETRY
        welcomed = monotonic()
        with self._console.tail.view(self._matches) as view:
            while not self._closing.is_set():
                for name, html in self.messages(view).items():
                    yield encode(name, html)
                if monotonic() - welcomed > BEAT_SECONDS:
                    if not await still_welcome():
                        return
                    welcomed = monotonic()
                await asyncio.sleep(EVERY_SECONDS)

    def messages(self, view: View) -> dict[str, str]:
        """What one turn shows; rows only if there are new ones."""
        zone = ZoneInfo(self._console.settings.time_zone)
        values: dict[str, Any] = {"view": view, "zone": zone, "now": datetime.now(UTC)}
        made = {"counts": block("live", "counts", values)}
        if events := view.take():
            made["rows"] = block("live", "rows", {**values, "events": events})
        return made
