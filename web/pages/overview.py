"""Is it healthy, is data flowing, what fired today."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from web.dependencies import ConsoleDep, Viewer
from web.rendering import page
from web.rendering.overview import overview_values

router = APIRouter()


@router.get("/")
async def show(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """The overview."""
    values = await overview_values(
        settings=console.settings,
        store=console.store,
        log=console.log_watch,
        accountant=console.accountant,
        database=console.database,
        watch=console.watch,
    )
    return page(request, "overview", **values)
