"""API and ingest tokens: 256 random bits, of which only the SHA-256 digest is kept.

A token is 43 random characters behind ``tcs_``; its digest goes to the collectors as a
``TokenGrant`` on ``control``, by the outbox.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.schema.control import TokenGrant
from web.database.engine import Database
from web.database.outbox import add_decision
from web.database.tables import TokenRow
from web.security.audit import COMMAND_LINE, Actor, record
from web.security.errors import InputRefused, RoleTooLow, TokenRequired
from web.security.roles import Role

PREFIX = "tcs_"
MOST_TOKEN_CHARACTERS = 128
MOST_NAME_CHARACTERS = 80
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as its administrators see it.

    Attributes:
        id: Its public name in logs and in the names of sources.
        name: What it is for.
        role: What it may do.
        last_used: By this console's API, to the minute; None if never.
        revoked: When it ended; None if it is good.
    """

    id: str
    name: str
    role: Role
    created: datetime
    created_by: str
    last_used: datetime | None
    revoked: datetime | None


def create_token(
    database: Database, role: Role | str, name: str, *, actor: Actor = COMMAND_LINE
) -> str:
    """Make a token and return it: the only time that anybody sees it.

    Raises:
        InputRefused: The name is empty or long, or the role is none of ours.
    """
    name = name.strip()
    if not 0 < len(name) <= MOST_NAME_CHARACTERS:
        raise InputRefused(
            f"A token's name has 1 to {MOST_NAME_CHARACTERS} characters.", field="name"
        )
    if role not in list(Role):
        raise InputRefused(f"There is no role {role}.", field="role")
    secret = PREFIX + secrets.token_urlsafe(32)
    row = TokenRow(
        id=secrets.token_hex(4),
        revision=1,
        name=name,
        role=Role(role).value,
        digest=digest(secret),
        created=database.now(),
        created_by=actor.name,
    )
    with database.write() as session:
        session.add(row)
        _grant(session, database, row)
        record(session, database, actor, "token_created", row.id, f"{name}, role {row.role}")
    return secret


def revoke_token(database: Database, token_id: str, *, actor: Actor) -> Token:
    """End a token; doing it twice is no error.

    Raises:
        NoResultFound: There is no such token.
    """
    with database.write() as session:
        row = session.get_one(TokenRow, token_id)
        if row.revoked is None:
            row.revoked = database.now()
            row.revision += 1
            _grant(session, database, row)
            record(session, database, actor, "token_revoked", row.id, row.name)
        return _token(row)


def list_tokens(database: Database) -> list[Token]:
    """Every token, those that are good first, newest first."""
    query = select(TokenRow).order_by(TokenRow.revoked.is_not(None), TokenRow.created.desc())
    with database.read() as session:
        return [_token(row) for row in session.scalars(query)]


def authorize(database: Database, secret: str, needed: Role) -> Token:
    """The token behind a secret, if it may do what is asked.

    Raises:
        TokenRequired: There is no such token, or it is revoked.
        RoleTooLow: Its role does not include the needed one.
    """
    if len(secret) > MOST_TOKEN_CHARACTERS:
        raise TokenRequired("This is not a token of ours.")
    with database.read() as session:
        row = session.scalar(select(TokenRow).where(TokenRow.digest == digest(secret)))
    if row is None or row.revoked is not None:
        raise TokenRequired("This token is unknown or was revoked.")
    token = _token(row)
    if not token.role.includes(needed):
        raise RoleTooLow(
            f"A token with the role {token.role} may not do this; {needed} may.",
            needed=needed.value,
        )
    now = database.now()
    if token.last_used is None or now - token.last_used > USED_EVERY:
        with database.write() as session:
            session.get_one(TokenRow, token.id).last_used = now
    return token


def digest(secret: str) -> str:
    """SHA-256 of a token, 64 hex digits."""
    return sha256(secret.encode()).hexdigest()


def _grant(session: Session, database: Database, row: TokenRow) -> None:
    """Tell the collectors."""
    add_decision(
        session,
        database,
        TokenGrant(
            id=row.id,
            revision=row.revision,
            digest=row.digest,
            role=row.role,
            revoked=row.revoked is not None,
        ),
    )


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created=row.created,
        created_by=row.created_by,
        last_used=row.last_used,
        revoked=row.revoked,
    )
