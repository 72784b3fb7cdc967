"""Where alerts are sent: destinations, made and changed as decisions for the webhook sink."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.schema.alert import LEVELS
from pipeline.schema.control import WebhookDestination, WebhookTest, webhook_test_id
from web.database.engine import Database
from web.database.outbox import add_decision
from web.database.tables import WebhookRow
from web.security.audit import Actor, record
from web.security.errors import InputRefused

MOST_NAME_CHARACTERS = 80
MOST_URL_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where alerts are sent.

    Attributes:
        id: Its public name, also in the delivery log.
        name: What people call it.
        url: Where it is posted to.
        minimum_level: Alerts below it are not sent.
        enabled: Whether anything is sent.
        revision: Counts up with every change.
        tests: How often somebody asked for a test.
        tested, tested_by: When and who did last; None and empty if nobody.
    """

    id: str
    name: str
    url: str
    minimum_level: str
    enabled: bool
    revision: int
    changed: datetime
    changed_by: str
    tests: int
    tested: datetime | None
    tested_by: str

    @property
    def test_id(self) -> str:
        """What its last test is called among the deliveries."""
        return webhook_test_id(self.id, self.tests)


def add_destination(
    database: Database, *, name: str, url: str, minimum_level: str, actor: Actor
) -> tuple[Destination, str]:
    """Make a destination; its signing secret is returned and shown once.

    Raises:
        InputRefused: The name is empty, the address is not http(s), or there is no such level.
    """
    name, url = name.strip(), url.strip()
    _check(name, url, minimum_level)
    secret = secrets.token_urlsafe(32)
    row = WebhookRow(
        id=secrets.token_hex(4),
        revision=1,
        name=name,
        url=url,
        secret=secret,
        minimum_level=minimum_level,
        enabled=True,
        removed=False,
        changed=database.now(),
        changed_by=actor.name,
    )
    with database.write() as session:
        session.add(row)
        _publish(session, database, row)
        record(session, database, actor, "destination_added", row.id, f"{name}, {_host(url)}")
    return _destination(row), secret


def set_enabled(
    database: Database, destination_id: str, *, enabled: bool, actor: Actor
) -> Destination:
    """Switch a destination on or off.

    Raises:
        NoResultFound: There is none.
    """
    with database.write() as session:
        row = session.get_one(WebhookRow, destination_id)
        row.enabled = enabled and not row.removed
        _next(database, row, actor)
        _publish(session, database, row)
        action = "destination_enabled" if enabled else "destination_disabled"
        record(session, database, actor, action, row.id, row.name)
        return _destination(row)


def ask_for_test(
    database: Database, destination_id: str, *, tests: int, actor: Actor
) -> Destination:
    """Have the sink send a test there; once, whatever is pressed how often.

    Args:
        tests: How many there were when the button was drawn: a second press of it does nothing.

    Raises:
        NoResultFound: There is no such destination.
        InputRefused: Nothing is sent there for now.
    """
    with database.write() as session:
        row = session.get_one(WebhookRow, destination_id)
        if not row.enabled:
            raise InputRefused(
                "Nothing is sent there for now. Resume it, then test it.", field="enabled"
            )
        if row.tests == tests:
            row.tests += 1
            row.tested, row.tested_by = database.now(), actor.name
            test = WebhookTest(
                id=row.id, revision=row.tests, asked=row.tested, asked_by=row.tested_by
            )
            add_decision(session, database, test)
            record(session, database, actor, "destination_tested", row.id, row.name)
        return _destination(row)


def remove_destination(database: Database, destination_id: str, *, actor: Actor) -> None:
    """Send nothing there any more and show it no longer.

    Raises:
        NoResultFound: There is none.
    """
    with database.write() as session:
        row = session.get_one(WebhookRow, destination_id)
        row.enabled, row.removed = False, True
        _next(database, row, actor)
        _publish(session, database, row)
        record(session, database, actor, "destination_removed", row.id, row.name)


def destinations(database: Database) -> list[Destination]:
    """Every destination, by name."""
    query = select(WebhookRow).where(WebhookRow.removed.is_(False)).order_by(WebhookRow.name)
    with database.read() as session:
        return [_destination(row) for row in session.scalars(query)]


def _check(name: str, url: str, minimum_level: str) -> None:
    if not 0 < len(name) <= MOST_NAME_CHARACTERS:
        raise InputRefused(f"A name has 1 to {MOST_NAME_CHARACTERS} characters.", field="name")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in url:
        raise InputRefused("An address begins with https:// or http:// and a host.", field="url")
    if len(url) > MOST_URL_CHARACTERS:
        raise InputRefused(f"An address has at most {MOST_URL_CHARACTERS} characters.", field="url")
    if minimum_level not in LEVELS:
        raise InputRefused(f"The levels are {', '.join(LEVELS)}.", field="minimum_level")


def _host(url: str) -> str:
    """What of an address may be logged: paths and queries of webhooks are often secrets."""
    return urlsplit(url).hostname or ""


def _next(database: Database, row: WebhookRow, actor: Actor) -> None:
    row.revision += 1
    row.changed, row.changed_by = database.now(), actor.name


def _publish(session: Session, database: Database, row: WebhookRow) -> None:
    add_decision(
        session,
        database,
        WebhookDestination(
            id=row.id,
            revision=row.revision,
            url=row.url,
            secret=row.secret,
            minimum_level=row.minimum_level,
            enabled=row.enabled,
        ),
    )


def _destination(row: WebhookRow) -> Destination:
    return Destination(
        id=row.id,
        name=row.name,
        url=row.url,
        minimum_level=row.minimum_level,
        enabled=row.enabled,
        revision=row.revision,
        changed=row.changed,
        changed_by=row.changed_by,
        tests=row.tests,
        tested=row.tested,
        tested_by=row.tested_by,
    )
