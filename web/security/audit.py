"""Who did what, when: a row for the page, and a record on the ``audit`` topic by the outbox.

Written in the transaction of the deed itself, so neither is without the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from web.database.engine import Database
from web.database.outbox import add_audit
from web.database.tables import AuditRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something.

    Attributes:
        name: The account's or token's name; ``command line`` for the shell.
        address: Where the request came from; empty for the shell.
    """

    name: str
    address: str = ""


COMMAND_LINE = Actor(name="command line")


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One deed.

    Attributes:
        time: When, in UTC.
        actor, address: Who, and from where.
        action: A fixed past-tense name, for example ``token_created``.
        subject: What it was done to, by id or name.
        detail: What else a reader must know, in words; never a secret.
    """

    time: datetime
    actor: str
    address: str
    action: str
    subject: str
    detail: str


def record(
    session: Session,
    database: Database,
    actor: Actor,
    action: str,
    subject: str,
    detail: str = "",
) -> None:
    """Add a deed to the running transaction."""
    found = AuditRecord(
        time=database.now(),
        actor=actor.name,
        address=actor.address,
        action=action,
        subject=subject,
        detail=detail,
    )
    session.add(AuditRow(**msgspec.structs.asdict(found)))
    add_audit(session, database, msgspec.json.encode(found))


def latest(
    database: Database, *, limit: int, before: int | None = None, actions: Sequence[str] = ()
) -> list[tuple[int, AuditRecord]]:
    """The newest deeds first, each with its sequence number.

    Args:
        limit: At most this many.
        before: Only deeds with a smaller sequence number, to read on.
        actions: Only these; all if empty.
    """
    query = select(AuditRow).order_by(AuditRow.sequence.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditRow.sequence < before)
    if actions:
        query = query.where(AuditRow.action.in_(actions))
    with database.read() as session:
        return [(row.sequence, _record(row)) for row in session.scalars(query)]


def _record(row: AuditRow) -> AuditRecord:
    return AuditRecord(
        time=row.time,
        actor=row.actor,
        address=row.address,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
    )
