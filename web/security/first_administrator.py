"""The first administrator: made before anybody can sign in."""

from dataclasses import dataclass

from sqlalchemy import select

from web.database.engine import Database
from web.database.tables import AccountRow
from web.security.accounts import create_account, reset_password
from web.security.audit import COMMAND_LINE
from web.security.roles import Role
from web.settings import WebSettings

NAME = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAdministrator:
    """What to tell whoever starts the console.

    Attributes:
        name: What to sign in as.
        password: A one-time password to show now; None if they chose one.
    """

    name: str
    password: str | None


def ensure_first_administrator(
    settings: WebSettings, password: str | None
) -> FirstAdministrator | None:
    """Make the tables and, unless there are accounts, the first administrator.

    While its one-time password was never used, every start makes a new one: the old one is
    known to nobody who could be asked.

    Args:
        password: Chosen by the operator; it need not be changed at the first sign-in.

    Returns:
        None if the account was made before and has been used.

    Raises:
        InputRefused: The chosen password is too weak.
    """
    database = Database(settings.database_url)
    try:
        database.migrate()
        with database.read() as session:
            row = session.scalar(select(AccountRow).where(AccountRow.name == NAME))
            anybody = row or session.scalar(select(AccountRow).limit(1))
        if anybody is None:
            _, made = create_account(
                database,
                name=NAME,
                role=Role.ADMINISTRATOR,
                actor=COMMAND_LINE,
                password=password or None,
            )
            return FirstAdministrator(name=NAME, password=made)
        if row is not None and row.must_change_password and row.last_sign_in is None:
            _, made = reset_password(database, row.id, actor=COMMAND_LINE)
            return FirstAdministrator(name=NAME, password=made)
        return None
    finally:
        database.close()
