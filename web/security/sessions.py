"""Browsers that are signed in: a signed cookie, and a row that can be revoked.

The cookie holds 256 random bits and a signature. The signature turns away guesses before the
database is asked; the row, keyed by the SHA-256 of the bits, is what makes it good. Every
sign-in makes new bits, so nobody can be given a session that somebody else knows.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from itsdangerous import BadSignature, Signer
from sqlalchemy import delete

from web.database.engine import Database, shared_key
from web.database.tables import AccountRow, SessionRow
from web.security.accounts import Account, account_of
from web.settings import WebSettings

SEEN_EVERY = timedelta(minutes=1)
MOST_COOKIE_CHARACTERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in on this browser.

    Attributes:
        digest: The key of its row.
        csrf: What every unsafe request must repeat.
        account: Whose it is.
    """

    digest: str
    csrf: str
    account: Account


class Sessions:
    """Makes, finds and ends sessions. Safe to use from several threads."""

    def __init__(self, database: Database, settings: WebSettings) -> None:
        self._database = database
        self._idle = settings.session_idle
        self._lifetime = settings.session_lifetime
        self._signer = Signer(shared_key(database, "sessions"), salt="session")

    def begin(self, account_id: str, *, address: str, agent: str) -> str:
        """Sign an account in; return the cookie's value."""
        bits = secrets.token_urlsafe(32)
        now = self._database.now()
        row = SessionRow(
            digest=_digest(bits),
            account_id=account_id,
            csrf=secrets.token_urlsafe(24),
            created=now,
            seen=now,
            address=address,
            agent=agent[:200],
        )
        with self._database.write() as session:
            session.execute(
                delete(SessionRow).where(
                    (SessionRow.created < now - self._lifetime)
                    | (SessionRow.seen < now - self._idle)
                )
            )
            session.add(row)
        return self._signer.sign(bits).decode()

    def find(self, cookie: str, *, touch: bool = True) -> Session | None:
        """Whose cookie it is; None if it is forged, ended or too old, or the account disabled.

        Args:
            touch: Whether this counts as a sign of life.
        """
        try:
            bits = self._signer.unsign(cookie[:MOST_COOKIE_CHARACTERS]).decode()
        except BadSignature:
            return None
        now = self._database.now()
        with self._database.read() as session:
            row = session.get(SessionRow, _digest(bits))
            if row is None or now - row.created > self._lifetime or now - row.seen > self._idle:
                return None
            account = account_of(session.get_one(AccountRow, row.account_id))
            found = Session(digest=row.digest, csrf=row.csrf, account=account)
        if account.disabled:
            return None
        if touch and now - row.seen > SEEN_EVERY:
            with self._database.write() as session:
                again = session.get(SessionRow, found.digest)
                if again is not None:
                    again.seen = now
        return found

    def end(self, digest: str) -> None:
        """Sign a browser out."""
        with self._database.write() as session:
            session.execute(delete(SessionRow).where(SessionRow.digest == digest))


def _digest(bits: str) -> str:
    return sha256(bits.encode()).hexdigest()
