"""One's own account: password, theme, keys."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from web.dependencies import ActorDep, ConsoleDep, SessionDep
from web.rendering import page
from web.security.accounts import change_password, change_preferences
from web.security.errors import InputRefused

router = APIRouter(prefix="/profile")


@router.get("")
async def show(request: Request, session: SessionDep) -> Response:
    """Everything on one page."""
    return page(request, "profile", errors={}, saved="")


@router.get("/password")
async def show_password(request: Request, session: SessionDep) -> Response:
    """The form that a one-time password leads to."""
    return page(request, "password", errors={})


@router.post("/password")
async def set_password(
    request: Request,
    console: ConsoleDep,
    session: SessionDep,
    actor: ActorDep,
    old: Annotated[str, Form(max_length=1024)],
    password: Annotated[str, Form(max_length=1024)],
    again: Annotated[str, Form(max_length=1024)],
) -> Response:
    """Replace the password; other browsers are signed out."""
    first = session.account.must_change_password
    try:
        if password != again:
            raise InputRefused("The two new passwords differ.", field="again")
        await console.database.run(
            change_password,
            session.account.id,
            old=old,
            new=password,
            keep=session.digest,
            actor=actor,
        )
    except InputRefused as error:
        name = "password" if first else "profile"
        return page(request, name, status=422, errors={error.field: str(error)}, saved="")
    return RedirectResponse("/" if first else "/profile?saved=password", 303)


@router.post("/preferences")
async def set_preferences(
    request: Request,
    console: ConsoleDep,
    session: SessionDep,
    theme: Annotated[str | None, Form()] = None,
    single_keys: Annotated[bool | None, Form()] = None,
) -> Response:
    """Theme and keys; the next page shows them."""
    await console.database.run(
        change_preferences, session.account.id, theme=theme, single_keys=single_keys
    )
    return RedirectResponse("/profile", 303)
