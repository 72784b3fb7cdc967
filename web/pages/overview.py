"""Is it healthy, is data flowing, what fired today."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from web.dependencies import ConsoleDep, Viewer
from web.rendering import page

router = APIRouter()


@router.get("/")
async def show(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """The overview."""
    return page(request, "overview")
