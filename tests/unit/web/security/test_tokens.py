"""Tokens: shown once, kept as digests, good until they are revoked."""

import pytest
from sqlalchemy.exc import NoResultFound

from pipeline.schema.control import TokenGrant, decode_decision
from pipeline.schema.topics import CONTROL
from tests.support.console import TestedConsole
from web.database.outbox import waiting
from web.security.audit import COMMAND_LINE
from web.security.errors import InputRefused, RoleTooLow, TokenRequired
from web.security.roles import Role
from web.security.tokens import (
    MOST_NAME_CHARACTERS,
    PREFIX,
    USED_EVERY,
    authorize,
    create_token,
    digest,
    list_tokens,
    revoke_token,
)


def test_a_token_is_told_to_the_collectors_by_its_digest_alone(console: TestedConsole) -> None:
    secret = create_token(console.database, Role.INGEST, " shop ")

    (found,) = list_tokens(console.database)
    rows = [row for row in waiting(console.database) if row.topic == CONTROL]
    assert decode_decision(rows[0].value) == TokenGrant(
        id=found.id, revision=1, digest=digest(secret), role="ingest"
    )
    assert secret.startswith(PREFIX)
    assert secret.encode() not in rows[0].value
    assert (found.name, found.last_used) == ("shop", None)


def test_a_token_opens_what_its_role_includes(console: TestedConsole) -> None:
    secret = create_token(console.database, Role.ANALYST, "script")

    assert authorize(console.database, secret, Role.VIEWER).name == "script"
    with pytest.raises(RoleTooLow):
        authorize(console.database, secret, Role.ADMINISTRATOR)


@pytest.mark.parametrize("secret", ["", "tcs_", "tcs_" + "a" * 43, "x" * 10_000])
def test_what_is_no_token_opens_nothing(console: TestedConsole, secret: str) -> None:
    with pytest.raises(TokenRequired):
        authorize(console.database, secret, Role.VIEWER)


def test_an_ingest_token_reads_nothing(console: TestedConsole) -> None:
    secret = create_token(console.database, Role.INGEST, "shop")

    with pytest.raises(RoleTooLow):
        authorize(console.database, secret, Role.VIEWER)


def test_a_revoked_token_is_over_for_everybody_and_once(console: TestedConsole) -> None:
    secret = create_token(console.database, Role.VIEWER, "old")
    (made,) = list_tokens(console.database)

    first = revoke_token(console.database, made.id, actor=COMMAND_LINE)
    again = revoke_token(console.database, made.id, actor=COMMAND_LINE)

    with pytest.raises(TokenRequired):
        authorize(console.database, secret, Role.VIEWER)
    grants = [
        decode_decision(row.value) for row in waiting(console.database) if row.topic == CONTROL
    ]
    assert [(one.revision, getattr(one, "revoked", None)) for one in grants] == [
        (1, False),
        (2, True),
    ]
    assert first == again
    with pytest.raises(NoResultFound):
        revoke_token(console.database, "nobody", actor=COMMAND_LINE)


def test_use_is_noted_by_the_minute(console: TestedConsole) -> None:
    secret = create_token(console.database, Role.VIEWER, "script")
    began = console.clock.now

    authorize(console.database, secret, Role.VIEWER)
    console.clock.turn(seconds=30)
    authorize(console.database, secret, Role.VIEWER)
    soon = list_tokens(console.database)[0].last_used
    console.clock.turn(seconds=USED_EVERY.total_seconds())
    authorize(console.database, secret, Role.VIEWER)

    assert soon == began
    assert list_tokens(console.database)[0].last_used == console.clock.now


@pytest.mark.parametrize(
    ("role", "name"),
    [("viewer", ""), ("viewer", "n" * (MOST_NAME_CHARACTERS + 1)), ("king", "x")],
)
def test_a_token_without_a_name_or_a_role_is_not_made(
    console: TestedConsole, role: str, name: str
) -> None:
    with pytest.raises(InputRefused):
        create_token(console.database, role, name)

    assert list_tokens(console.database) == []
