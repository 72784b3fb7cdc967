"""Where alerts are sent, and what came of it."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import NoResultFound

from pipeline.errors import PipelineError
from pipeline.schema.alert import LEVELS
from pipeline.store.queries.alerts import latest_deliveries
from pipeline.store.queries.span import Span
from web.dependencies import ActorDep, Console, ConsoleDep, Engineer, Viewer
from web.notify import add_destination, destinations, remove_destination, set_enabled
from web.operations.overview import DAY
from web.rendering import page
from web.security.errors import InputRefused

router = APIRouter(prefix="/notifications")

SHOWN = 50
Text = Annotated[str, Form(max_length=2_048)]


@router.get("")
async def show(request: Request, console: ConsoleDep, user: Viewer) -> Response:
    """Destinations and the deliveries of a day."""
    return await _answer(request, console)


@router.post("")
async def add(
    request: Request,
    console: ConsoleDep,
    user: Engineer,
    actor: ActorDep,
    name: Text = "",
    url: Text = "",
    minimum_level: Text = "medium",
) -> Response:
    """Add a destination; the answer is the only page that shows its secret."""
    try:
        destination, secret = await console.database.run(
            add_destination, name=name, url=url, minimum_level=minimum_level, actor=actor
        )
    except InputRefused as error:
        typed = {"name": name, "url": url, "minimum_level": minimum_level}
        errors = {error.field: str(error)}
        return await _answer(request, console, status=422, errors=errors, typed=typed)
    return await _answer(request, console, secret=secret, made=destination.name)


@router.post("/{destination_id}")
async def switch(
    console: ConsoleDep,
    user: Engineer,
    actor: ActorDep,
    destination_id: str,
    enabled: Annotated[bool, Form()],
) -> Response:
    """Send there, or not for now."""
    try:
        await console.database.run(set_enabled, destination_id, enabled=enabled, actor=actor)
    except NoResultFound:
        raise HTTPException(404, "There is no such destination.") from None
    return RedirectResponse("/notifications", 303)


@router.post("/{destination_id}/remove")
async def remove(
    console: ConsoleDep, user: Engineer, actor: ActorDep, destination_id: str
) -> Response:
    """Send there no more."""
    try:
        await console.database.run(remove_destination, destination_id, actor=actor)
    except NoResultFound:
        raise HTTPException(404, "There is no such destination.") from None
    return RedirectResponse("/notifications", 303)


async def _answer(
    request: Request,
    console: Console,
    *,
    status: int = 200,
    errors: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
    secret: str = "",
    made: str = "",
) -> Response:
    now = console.database.now()
    found = await console.database.run(destinations)
    try:
        deliveries = await latest_deliveries(console.store, Span(now - DAY, now), limit=SHOWN)
    except PipelineError:
        deliveries = None
    return page(
        request,
        "notifications",
        status=status,
        destinations=found,
        names={destination.id: destination.name for destination in found},
        deliveries=deliveries,
        levels=LEVELS,
        errors=errors or {},
        typed=typed or {},
        secret=secret,
        made=made,
    )
