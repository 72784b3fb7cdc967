"""New alerts as they fire: how many are open, and how many came since a page was drawn."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pipeline.store.queries.alerts import AlertFilter, alerts
from web.dependencies import Console, ConsoleDep, Viewer
from web.investigate import open_by_level
from web.rendering.page import environment
from web.streams.channel import Messages
from web.streams.connections import channel, stream

router = APIRouter(prefix="/streams")

NEWEST = 20
TEMPLATE = "streams/alerts.html"


@router.get("/alerts")
async def live(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """``count``: the number of open alerts for the navigation; ``newest``: rows of the newest
    alerts, for a list to compare with what it shows; ``levels``: open alerts by level.
    """

    async def produce() -> Messages:
        return await messages(console)

    return await stream(request, console, channel(request, console, "alerts", produce))


async def messages(console: Console) -> Messages:
    """The three messages."""
    levels = await open_by_level(console.store, console.database)
    newest = await alerts(console.store, AlertFilter(), limit=NEWEST)
    template = environment.get_template(TEMPLATE)
    values = {"levels": levels, "total": sum(levels.values()), "newest": newest.items}
    return {
        name: template.render(values, part=name).strip() for name in ("count", "levels", "newest")
    }
