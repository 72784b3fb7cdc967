"""The overview's blocks as they change."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from web.dependencies import Console, ConsoleDep, Viewer
from web.rendering import block
from web.rendering.overview import overview_values
from web.streams.channel import Messages
from web.streams.connections import channel, stream
from web.streams.navigation import navigation_messages

router = APIRouter(prefix="/streams")

BLOCKS = ("clock", "strip", "fired", "needs", "received", "quiet", "decisions", "pipeline")


@router.get("/overview")
async def live(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """One message for each block that changed."""

    async def produce() -> Messages:
        return await messages(console)

    return await stream(request, console, channel(request, console, "overview", produce))


async def messages(console: Console) -> Messages:
    """Every block of the overview, and the navigation."""
    values = await overview_values(
        settings=console.settings,
        store=console.store,
        log=console.log_watch,
        accountant=console.accountant,
        database=console.database,
        watch=console.watch,
    )
    made = {name: block("overview", name, values) for name in BLOCKS}
    return {**made, **navigation_messages(console.watch.standing)}
