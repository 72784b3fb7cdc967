"""People who may sign in: make, change, disable; and the first administrator of all."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from web.database.engine import Database
from web.database.tables import AccountRow, SessionRow
from web.security.audit import Actor, record
from web.security.errors import InputRefused
from web.security.passwords import (
    check_strength,
    hash_password,
    one_time_password,
    verify_password,
)
from web.security.roles import PEOPLE, Role

THEMES = ("", "light", "dark")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
MOST_NAME_CHARACTERS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who may sign in.

    Attributes:
        id: Never reused.
        name: What is typed to sign in; lower case.
        full_name: What is shown; the name if there is none.
        role: What they may do.
        must_change_password: Signed in by a one-time password.
        disabled: May not sign in.
        theme: light, dark, or empty to follow the system.
        single_keys: Whether single keys do something.
    """

    id: str
    name: str
    full_name: str
    role: Role
    must_change_password: bool
    disabled: bool
    theme: str
    single_keys: bool
    created: datetime
    last_sign_in: datetime | None

    @property
    def shown(self) -> str:
        """What people call them."""
        return self.full_name or self.name


def account_of(row: AccountRow) -> Account:
    """The value of a row."""
    return Account(
        id=row.id,
        name=row.name,
        full_name=row.full_name,
        role=Role(row.role),
        must_change_password=row.must_change_password,
        disabled=row.disabled,
        theme=row.theme,
        single_keys=row.single_keys,
        created=row.created,
        last_sign_in=row.last_sign_in,
    )


def create_account(
    database: Database,
    *,
    name: str,
    role: Role,
    actor: Actor,
    full_name: str = "",
    password: str | None = None,
) -> tuple[Account, str | None]:
    """Make an account.

    Args:
        password: Chosen by its owner; None to make a one-time password, which must be replaced
            at the first sign-in.

    Returns:
        The account, and the one-time password if one was made: it is shown once and kept
        nowhere.

    Raises:
        InputRefused: The name is taken or not a name, or the password too weak.
    """
    name = name.strip().lower()
    if not _NAME.fullmatch(name):
        raise InputRefused(
            "A name has up to 64 letters, digits, dots, hyphens and underscores.", field="name"
        )
    if role not in PEOPLE:
        raise InputRefused("People have one of the four roles; ingest is for tokens.", field="role")
    if password is not None:
        check_strength(password, name=name)
    made = one_time_password() if password is None else None
    row = AccountRow(
        id=secrets.token_hex(8),
        name=name,
        full_name=full_name.strip()[:MOST_NAME_CHARACTERS],
        role=role.value,
        password_hash=hash_password(password or made or ""),
        must_change_password=made is not None,
        created=database.now(),
    )
    with database.write() as session:
        if session.scalar(select(AccountRow.id).where(AccountRow.name == name)):
            raise InputRefused(f"There is an account named {name} already.", field="name")
        session.add(row)
        session.flush()
        record(session, database, actor, "account_created", name, f"role {role.value}")
        return account_of(row), made


def list_accounts(database: Database) -> list[Account]:
    """Every account, by name."""
    with database.read() as session:
        return [account_of(row) for row in session.scalars(select(AccountRow).order_by("name"))]


def change_password(
    database: Database, account_id: str, *, old: str, new: str, keep: str, actor: Actor
) -> None:
    """Replace one's own password and sign out everywhere else.

    Args:
        keep: Digest of the session that goes on.

    Raises:
        InputRefused: The old one is wrong, or the new one too weak or the same.
    """
    with database.read() as session:
        row = session.get_one(AccountRow, account_id)
        name, kept = row.name, row.password_hash
    if not verify_password(old, kept):
        raise InputRefused("This is not your present password.", field="old")
    check_strength(new, name=name)
    if new == old:
        raise InputRefused("The new password is the old one.", field="password")
    hashed = hash_password(new)
    with database.write() as session:
        row = session.get_one(AccountRow, account_id)
        row.password_hash, row.must_change_password = hashed, False
        _sign_out(session, account_id, keep=keep)
        record(session, database, actor, "password_changed", name)


def reset_password(database: Database, account_id: str, *, actor: Actor) -> tuple[Account, str]:
    """Give somebody a one-time password and sign them out everywhere; it is shown once."""
    made = one_time_password()
    hashed = hash_password(made)
    with database.write() as session:
        row = session.get_one(AccountRow, account_id)
        row.password_hash, row.must_change_password = hashed, True
        _sign_out(session, account_id)
        record(session, database, actor, "password_reset", row.name)
        return account_of(row), made


def change_account(
    database: Database,
    account_id: str,
    *,
    actor: Actor,
    role: Role | None = None,
    disabled: bool | None = None,
) -> Account:
    """Give another role, disable or enable.

    Raises:
        InputRefused: It would leave nobody who may administer.
    """
    with database.write() as session:
        row = session.get_one(AccountRow, account_id)
        if role is not None and role is not Role(row.role):
            record(session, database, actor, "role_changed", row.name, f"{row.role} to {role}")
            row.role = role.value
        if disabled is not None and disabled != row.disabled:
            row.disabled = disabled
            action = "account_disabled" if disabled else "account_enabled"
            record(session, database, actor, action, row.name)
        _sign_out(session, account_id)
        session.flush()
        if not _administrators(session):
            raise InputRefused("Somebody must be able to administer this console.", field="role")
        return account_of(row)


def change_preferences(
    database: Database, account_id: str, *, theme: str | None = None, single_keys: bool | None
) -> None:
    """Set what the console looks like to its owner; an unknown theme is ignored."""
    with database.write() as session:
        row = session.get_one(AccountRow, account_id)
        if theme in THEMES and theme is not None:
            row.theme = theme
        if single_keys is not None:
            row.single_keys = single_keys


def _sign_out(session: Session, account_id: str, *, keep: str = "") -> None:
    """End the sessions of an account, but for one."""
    session.execute(
        delete(SessionRow).where(SessionRow.account_id == account_id, SessionRow.digest != keep)
    )


def _administrators(session: Session) -> int:
    """How many people may administer."""
    query = select(func.count()).where(
        AccountRow.role == Role.ADMINISTRATOR.value, AccountRow.disabled.is_(False)
    )
    return session.scalar(query) or 0
