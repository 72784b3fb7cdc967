"""Sign in and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from web.dependencies import (
    Console,
    ConsoleDep,
    SessionDep,
    address_of,
    cookie_name,
    find_session,
)
from web.metrics import SIGN_INS
from web.rendering import page
from web.rendering.words import age, plural
from web.security.accounts import Account
from web.security.requests import demand_same_site, local_path
from web.security.sessions import Session
from web.security.sign_in import Refused, sign_in

router = APIRouter()


@router.get("/login")
async def show(
    request: Request,
    session: Annotated[Session | None, Depends(find_session)],
    next: str = "/",
) -> Response:
    """The form; who is signed in already is sent on."""
    if session is not None:
        return RedirectResponse(local_path(next), 303)
    return page(request, "login", next=local_path(next), name="", error="")


@router.post("/login")
async def submit(
    request: Request,
    console: ConsoleDep,
    old: Annotated[Session | None, Depends(find_session)],
    username: Annotated[str, Form(max_length=256)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
    next: Annotated[str, Form(max_length=2048)] = "/",
) -> Response:
    """Check name and password; make a new session and end the old one."""
    demand_same_site(request.headers)
    address = address_of(request)
    found = await console.database.run(
        sign_in, console.settings, name=username, password=password, address=address
    )
    if isinstance(found, Refused):
        SIGN_INS.labels(result="paused" if found.paused_until else "refused").inc()
        return page(
            request,
            "login",
            status=429 if found.paused_until else 401,
            next=local_path(next),
            name=username,
            error=_explain(console, found),
        )
    SIGN_INS.labels(result="accepted").inc()
    return await _begin(request, console, found, old, local_path(next))


@router.post("/logout")
async def leave(request: Request, console: ConsoleDep, session: SessionDep) -> Response:
    """End this session; the cookie is worth nothing afterwards."""
    await console.database.run(lambda _: console.sessions.end(session.digest))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(cookie_name(console.settings), path="/")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


async def _begin(
    request: Request, console: Console, account: Account, old: Session | None, there: str
) -> Response:
    """A new session for an account, and its cookie."""
    agent = request.headers.get("User-Agent", "")
    address = address_of(request)

    def begin(_: object) -> str:
        if old is not None:
            console.sessions.end(old.digest)
        return console.sessions.begin(account.id, address=address, agent=agent)

    cookie = await console.database.run(begin)
    response = RedirectResponse(there, 303, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        cookie_name(console.settings),
        cookie,
        max_age=int(console.settings.session_lifetime.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response


def _explain(console: Console, refused: Refused) -> str:
    """What to tell somebody whose try failed; the same for names that do not exist."""
    pause = age(console.settings.sign_in_pause)
    if refused.paused_until is not None:
        left = age(refused.paused_until - console.database.now())
        return f"Too many wrong passwords. The next try is looked at in {left}."
    tries = refused.tries_left
    return (
        f"Name and password do not match. {tries} {plural(tries, 'try', 'tries')} left"
        f" before a pause of {pause}."
    )
