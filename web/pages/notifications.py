"""Where alerts are sent, and what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import NoResultFound

from pipeline.errors import PipelineError
from pipeline.schema.alert import LEVELS
from pipeline.schema.delivery import Delivery
from pipeline.store.queries.alerts import deliveries, latest_deliveries
from pipeline.store.queries.span import Span
from web.dependencies import ActorDep, Console, ConsoleDep, Engineer, Viewer
from web.notify import (
    Destination,
    add_destination,
    ask_for_test,
    destinations,
    remove_destination,
    set_enabled,
)
from web.operations.overview import DAY
from web.rendering import page
from web.security.errors import InputRefused

router = APIRouter(prefix="/notifications")

SHOWN = 50
PATIENCE = timedelta(minutes=2)
"""How long the outcome of a test is waited for, and no other one asked for."""
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


@router.post("/{destination_id}/test")
async def test(
    console: ConsoleDep,
    user: Engineer,
    actor: ActorDep,
    destination_id: str,
    tests: Annotated[int, Form(ge=0)],
) -> Response:
    """Have the sink send a test there; what came of it is shown when it is known."""
    try:
        await console.database.run(ask_for_test, destination_id, tests=tests, actor=actor)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTest:
    """The test of a destination that was asked for last.

    Attributes:
        outcome: What came of it; None while that is not known.
        is_awaited: Whether it may still come.
    """

    outcome: Delivery | None
    is_awaited: bool


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
        sent = await latest_deliveries(console.store, Span(now - DAY, now), limit=SHOWN)
    except PipelineError:
        sent = None
    last_tests = {one.id: await _last_test(console, one, now) for one in found if one.tested}
    return page(
        request,
        "notifications",
        status=status,
        destinations=found,
        names={destination.id: destination.name for destination in found},
        deliveries=sent,
        last_tests=last_tests,
        is_awaited=any(test.is_awaited for test in last_tests.values()),
        levels=LEVELS,
        errors=errors or {},
        typed=typed or {},
        secret=secret,
        made=made,
    )


async def _last_test(console: Console, destination: Destination, now: datetime) -> LastTest:
    """What came of a destination's last test, as the delivery log has it."""
    try:
        sent = await deliveries(console.store, destination.test_id)
    except PipelineError:
        sent = ()
    waited = now - (destination.tested or now)
    return LastTest(outcome=sent[-1] if sent else None, is_awaited=not sent and waited < PATIENCE)
