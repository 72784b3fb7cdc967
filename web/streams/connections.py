"""Who may listen, and how many at a time."""

import asyncio
from collections.abc import Awaitable, Callable

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


async def stream(request: Request, console: Console, source: Channel) -> Response:
    """Messages of a channel, or 503 with when to come back."""
    channels: dict[str, Channel] = request.app.state.channels
    if sum(each.listeners for each in channels.values()) >= console.settings.stream_connections:
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
