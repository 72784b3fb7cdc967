"""That there are new alerts: a page asks for how many of them are its own."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pipeline.store.queries.alerts import AlertFilter, count_by_level
from web.dependencies import Console, ConsoleDep, Viewer
from web.streams.channel import Messages
from web.streams.connections import channel, stream
from web.streams.navigation import navigation_messages

router = APIRouter(prefix="/streams")


@router.get("/alerts")
async def live(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """``kept``: how many alerts there are, whatever was decided; and the navigation."""

    async def produce() -> Messages:
        return await messages(console)

    return await stream(request, console, channel(request, console, "alerts", produce))


async def messages(console: Console) -> Messages:
    """One round."""
    kept = await count_by_level(console.store, AlertFilter())
    standing = await console.watch.count()
    return {"kept": str(sum(kept.values())), **navigation_messages(standing)}
