"""Accounts, tokens and the audit trail; for administrators."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.exc import NoResultFound

from web.dependencies import ActorDep, Administrator, Console, ConsoleDep
from web.rendering import page
from web.security.accounts import (
    change_account,
    create_account,
    list_accounts,
    reset_password,
)
from web.security.audit import latest
from web.security.errors import InputRefused
from web.security.roles import MEANING, PEOPLE, Role
from web.security.tokens import create_token, list_tokens, revoke_token

router = APIRouter(prefix="/admin")

AUDIT_ROWS = 100
Text = Annotated[str, Form(max_length=256)]


@router.get("")
async def start(user: Administrator) -> Response:
    """The first tab."""
    return RedirectResponse("/admin/tokens", 303)


@router.get("/tokens")
async def show_tokens(request: Request, console: ConsoleDep, user: Administrator) -> Response:
    """Every token."""
    return await _tokens(request, console)


@router.post("/tokens")
async def make_token(
    request: Request,
    console: ConsoleDep,
    user: Administrator,
    actor: ActorDep,
    name: Text = "",
    role: Text = "",
) -> Response:
    """Make a token; the answer is the only page that ever shows it."""
    try:
        secret = await console.database.run(create_token, role, name, actor=actor)
    except InputRefused as error:
        return await _tokens(request, console, errors={error.field: str(error)}, status=422)
    return await _tokens(request, console, secret=secret, made=name)


@router.post("/tokens/{token_id}/revoke")
async def end_token(
    console: ConsoleDep, user: Administrator, actor: ActorDep, token_id: str
) -> Response:
    """Revoke a token."""
    try:
        await console.database.run(revoke_token, token_id, actor=actor)
    except NoResultFound:
        raise HTTPException(404, "There is no such token.") from None
    return RedirectResponse("/admin/tokens", 303)


@router.get("/accounts")
async def show_accounts(request: Request, console: ConsoleDep, user: Administrator) -> Response:
    """Everybody who may sign in."""
    return await _accounts(request, console)


@router.post("/accounts")
async def make_account(
    request: Request,
    console: ConsoleDep,
    user: Administrator,
    actor: ActorDep,
    name: Text = "",
    full_name: Text = "",
    role: Text = "",
) -> Response:
    """Make an account with a one-time password, shown once."""
    try:
        if role not in PEOPLE:
            raise InputRefused("Choose a role.", field="role")
        account, made = await console.database.run(
            create_account, name=name, full_name=full_name, role=Role(role), actor=actor
        )
    except InputRefused as error:
        return await _accounts(request, console, errors={error.field: str(error)}, status=422)
    return await _accounts(request, console, secret=made or "", made=account.name)


@router.post("/accounts/{account_id}/password")
async def give_password(
    request: Request, console: ConsoleDep, user: Administrator, actor: ActorDep, account_id: str
) -> Response:
    """Give somebody a one-time password, shown once."""
    try:
        account, made = await console.database.run(reset_password, account_id, actor=actor)
    except NoResultFound:
        raise HTTPException(404, "There is no such account.") from None
    return await _accounts(request, console, secret=made, made=account.name)


@router.post("/accounts/{account_id}")
async def set_account(
    request: Request,
    console: ConsoleDep,
    user: Administrator,
    actor: ActorDep,
    account_id: str,
    role: Text = "",
    disabled: Annotated[bool | None, Form()] = None,
) -> Response:
    """Another role, or no entry; the account is signed out everywhere."""
    try:
        await console.database.run(
            change_account,
            account_id,
            actor=actor,
            role=Role(role) if role in PEOPLE else None,
            disabled=disabled,
        )
    except NoResultFound:
        raise HTTPException(404, "There is no such account.") from None
    except InputRefused as error:
        return await _accounts(request, console, errors={"account": str(error)}, status=422)
    return RedirectResponse("/admin/accounts", 303)


@router.get("/audit")
async def show_audit(
    request: Request,
    console: ConsoleDep,
    user: Administrator,
    before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Who did what, newest first."""
    records = await console.database.run(latest, limit=AUDIT_ROWS + 1, before=before)
    older = records[AUDIT_ROWS - 1][0] if len(records) > AUDIT_ROWS else None
    return page(
        request, "admin", tab="audit", records=records[:AUDIT_ROWS], older=older, before=before
    )


async def _tokens(
    request: Request,
    console: Console,
    *,
    errors: dict[str, str] | None = None,
    secret: str = "",
    made: str = "",
    status: int = 200,
) -> Response:
    tokens = await console.database.run(list_tokens)
    return page(
        request,
        "admin",
        status=status,
        tab="tokens",
        tokens=tokens,
        roles=list(Role),
        meaning=MEANING,
        errors=errors or {},
        secret=secret,
        made=made,
    )


async def _accounts(
    request: Request,
    console: Console,
    *,
    errors: dict[str, str] | None = None,
    secret: str = "",
    made: str = "",
    status: int = 200,
) -> Response:
    accounts = await console.database.run(list_accounts)
    return page(
        request,
        "admin",
        status=status,
        tab="accounts",
        accounts=accounts,
        roles=PEOPLE,
        meaning=MEANING,
        errors=errors or {},
        secret=secret,
        made=made,
    )
