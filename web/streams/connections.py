"""Who may listen, and how many at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from web.dependencies import Console, cookie_name
from web.metrics import STREAMS_REFUSED
from web.streams.channel import Channel, Messages


def channel(
    request: Request, console: Console, name: str, produce: Callable[[], Awaitable[Messages]]
) -> Channel:
    """The channel of that name; one for all pages of this console."""
    channels: dict[str, Channel] = request.app.state.channels
    if name not in channels:
        channels[name] = Channel(
            name, produce, interval=console.settings.stream_interval, closing=closing(request)
        )
    return channels[name]


def closing(request: Request) -> asyncio.Event:
    """Set once the console stops."""
    found: asyncio.Event = request.app.state.closing
    return found


class Source(Protocol):
    """Where messages come from."""

    def listen(self, still_welcome: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """Messages until the page goes, the console stops or nobody is welcome any more."""


async def stream(
    request: Request, console: Console, source: Source, *, is_full: bool = False
) -> Response:
    """Messages of a source, or 503 with when to come back."""
    channels: dict[str, Channel] = request.app.state.channels
    listeners = sum(each.listeners for each in channels.values())
    if is_full or listeners >= console.settings.stream_connections:
        STREAMS_REFUSED.inc()
        return Response("Too many live pages.", 503, headers={"Retry-After": "15"})
    cookie = request.cookies.get(cookie_name(console.settings), "")

    async def still_welcome() -> bool:
        found = await console.database.run(lambda _: console.sessions.find(cookie, touch=False))
        return found is not None

    return StreamingResponse(
        source.listen(still_welcome),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
