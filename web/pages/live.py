"""The live tail: what a search means, as it comes in."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pipeline.errors import QueryInvalid
from pipeline.store.search_language import parse
from web.dependencies import Viewer
from web.operations.tail import View
from web.rendering import page
from web.rendering.search import SearchAddress

router = APIRouter(prefix="/live")


@router.get("")
async def show(
    request: Request, user: Viewer, q: Annotated[str, Query(max_length=4_000)] = ""
) -> Response:
    """The page; its rows come by ``/streams/tail``."""
    address = SearchAddress(q=q.strip())
    problem = None
    try:
        parse(address.q)
    except QueryInvalid as error:
        problem = error
    return page(
        request,
        "live",
        status=422 if problem else 200,
        address=address,
        problem=problem,
        view=View(matches=lambda _: False),
        events=(),
    )
