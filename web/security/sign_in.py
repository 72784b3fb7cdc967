"""Signing in with name and password, slowly enough for nobody to guess.

A try is counted before the password is looked at, so tries at the same time count too. Unknown
names are counted, paused and answered like known ones, and take as long.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from web.database.engine import Database
from web.database.tables import AccountRow, SignInTryRow
from web.security.accounts import Account, account_of
from web.security.audit import Actor, record
from web.security.passwords import verify_password
from web.settings import WebSettings

MOST_NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a try failed.

    Attributes:
        tries_left: Before a pause, for this name and address; 0 once it has begun.
        paused_until: When the next try is looked at; None if now.
    """

    tries_left: int
    paused_until: datetime | None = None


def sign_in(
    database: Database, settings: WebSettings, *, name: str, password: str, address: str
) -> Account | Refused:
    """Check a name and a password that came from an address."""
    name = name.strip().lower()[:MOST_NAME_CHARACTERS]
    limits = {
        f"name:{name}": settings.sign_in_tries,
        f"address:{address}": settings.sign_in_tries_per_address,
    }
    verdict = _count(database, settings, limits)
    if verdict.paused_until is not None:
        return verdict
    with database.read() as session:
        row = session.scalar(select(AccountRow).where(AccountRow.name == name))
    good = verify_password(password, row.password_hash if row else None)
    actor = Actor(name=name, address=address)
    with database.write() as session:
        if row is not None and good and not row.disabled:
            session.execute(delete(SignInTryRow).where(SignInTryRow.key.in_(limits)))
            fresh = session.get_one(AccountRow, row.id)
            account = account_of(fresh)
            fresh.last_sign_in = database.now()
            record(session, database, actor, "signed_in", name)
            return account
        record(session, database, actor, "sign_in_refused", name)
        if verdict.tries_left == 0:
            return Refused(0, _pause(session, database, settings, limits))
        return verdict


def _count(database: Database, settings: WebSettings, limits: dict[str, int]) -> Refused:
    """Count a try against each key; what the tightest of them leaves."""
    now = database.now()
    left = []
    with database.write() as session:
        session.execute(
            delete(SignInTryRow).where(SignInTryRow.last < now - settings.sign_in_pause)
        )
        for key, limit in limits.items():
            row = session.get(SignInTryRow, key)
            if row is None:
                row = SignInTryRow(key=key, failures=0, last=now)
                session.add(row)
            if row.paused_until is not None and now < row.paused_until:
                return Refused(0, row.paused_until)
            row.failures, row.last = row.failures + 1, now
            if row.failures > limit:  # others are being looked at right now
                row.paused_until = now + settings.sign_in_pause
                return Refused(0, row.paused_until)
            left.append(limit - row.failures)
    return Refused(min(left))


def _pause(
    session: Session, database: Database, settings: WebSettings, limits: dict[str, int]
) -> datetime:
    """Begin a pause for every key that is used up."""
    until = database.now() + settings.sign_in_pause
    for key, limit in limits.items():
        row = session.get(SignInTryRow, key)
        if row is not None and row.failures >= limit:
            row.paused_until = until
    return until
