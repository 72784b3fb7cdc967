"""What a request may ask for: who sent it, the services, the store. A table, no logic.

A page's function names what it needs: ``user: Viewer`` (signed in), ``user: Analyst`` (at least
that role), ``console: ConsoleDep``, ``actor: ActorDep``. Every router of pages depends on
``signed_in``, which also checks the CSRF token of unsafe requests; every router of the API on a
bearer token.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from pipeline.settings import PipelineSettings
from pipeline.store.client import StoreClient
from web.database.engine import Database
from web.operations.accounting import Accountant
from web.operations.log_watch import LogWatch
from web.operations.standing import Watch
from web.operations.tail import Tail
from web.operations.trials import Trials
from web.rulebook import Rulebook
from web.security.accounts import Account
from web.security.audit import Actor
from web.security.errors import (
    PasswordChangeRequired,
    RoleTooLow,
    SignInRequired,
    TokenRequired,
)
from web.security.requests import SAFE_METHODS, demand_csrf, demand_same_site
from web.security.roles import Role
from web.security.sessions import Session, Sessions
from web.security.tokens import Token, authorize
from web.settings import WebSettings

PASSWORD_PAGE = "/profile/password"  # noqa: S105 - an address


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Everything that the console is made of, for as long as it runs."""

    settings: WebSettings
    pipeline: PipelineSettings
    database: Database
    sessions: Sessions
    store: StoreClient
    log_watch: LogWatch
    accountant: Accountant
    rulebook: Rulebook
    watch: Watch
    tail: Tail
    trials: Trials


def console(request: Request) -> Console:
    """The console that answers this request."""
    return cast(Console, request.app.state.console)


ConsoleDep = Annotated[Console, Depends(console)]


def cookie_name(settings: WebSettings) -> str:
    """The session cookie's name; cookies know no ports, so a second console needs its own."""
    return f"tocsin_{settings.port}"


async def find_session(request: Request, console: ConsoleDep) -> Session | None:
    """Who is signed in, if anybody; also for pages that need nobody."""
    cookie = request.cookies.get(cookie_name(console.settings))
    session = None
    if cookie:
        session = await console.database.run(lambda _: console.sessions.find(cookie))
    request.state.session = session
    return session


async def signed_in(
    request: Request, session: Annotated[Session | None, Depends(find_session)]
) -> Session:
    """The session of this request, proven to come from a page of ours if it is unsafe.

    Raises:
        SignInRequired: There is none.
        RequestForged: It does not repeat its CSRF token, or another site sent it.
        PasswordChangeRequired: It may only change the password.
    """
    if session is None:
        raise SignInRequired("Sign in first.")
    if request.method not in SAFE_METHODS:
        demand_same_site(request.headers)
        given = request.headers.get("X-CSRF-Token")
        if given is None:
            form = await request.form()
            given = str(form.get("csrf", ""))
        demand_csrf(session.csrf, given)
    if session.account.must_change_password and request.url.path not in (
        PASSWORD_PAGE,
        "/logout",
    ):
        raise PasswordChangeRequired("Choose a password of your own first.")
    return session


def _at_least(needed: Role) -> Callable[[Session], Account]:
    """A dependency that demands a role."""

    def demand(session: Annotated[Session, Depends(signed_in)]) -> Account:
        if not session.account.role.includes(needed):
            raise RoleTooLow(
                f"This needs the role {needed}; yours is {session.account.role}.",
                needed=needed.value,
            )
        return session.account

    return demand


SessionDep = Annotated[Session, Depends(signed_in)]
Viewer = Annotated[Account, Depends(_at_least(Role.VIEWER))]
Analyst = Annotated[Account, Depends(_at_least(Role.ANALYST))]
Engineer = Annotated[Account, Depends(_at_least(Role.ENGINEER))]
Administrator = Annotated[Account, Depends(_at_least(Role.ADMINISTRATOR))]


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client else ""


def actor(request: Request, session: SessionDep) -> Actor:
    """Who is acting, for the audit trail."""
    return Actor(name=session.account.name, address=address_of(request))


ActorDep = Annotated[Actor, Depends(actor)]


def _bearer(needed: Role) -> Callable[[Request, Console], Awaitable[Token]]:
    """A dependency that demands a bearer token with a role."""

    async def demand(request: Request, console: ConsoleDep) -> Token:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise TokenRequired("Send a token: Authorization: Bearer tcs_….")
        return await console.database.run(authorize, secret.strip(), needed)

    return demand


ViewerToken = Annotated[Token, Depends(_bearer(Role.VIEWER))]
AnalystToken = Annotated[Token, Depends(_bearer(Role.ANALYST))]
