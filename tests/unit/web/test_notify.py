"""Destinations: decisions with revisions, sent by the outbox; a test is asked for once a press."""

import pytest
from sqlalchemy.exc import NoResultFound

from pipeline.schema.control import (
    Decision,
    WebhookDestination,
    WebhookTest,
    decode_decision,
    webhook_test_id,
)
from pipeline.schema.topics import CONTROL
from tests.support.console import TestedConsole
from web.database.outbox import waiting
from web.notify import (
    MOST_NAME_CHARACTERS,
    add_destination,
    ask_for_test,
    destinations,
    remove_destination,
    set_enabled,
)
from web.security.audit import COMMAND_LINE as ACTOR
from web.security.errors import InputRefused

URL = "https://chat.example/hooks/very-secret"


def _add(console: TestedConsole, name: str = "chat") -> str:
    made, _ = add_destination(
        console.database, name=name, url=URL, minimum_level="high", actor=ACTOR
    )
    return made.id


def _decided(console: TestedConsole) -> list[Decision]:
    return [decode_decision(row.value) for row in waiting(console.database) if row.topic == CONTROL]


def test_a_new_destination_is_a_decision_with_the_secret_that_is_shown_once(
    console: TestedConsole,
) -> None:
    made, secret = add_destination(
        console.database, name=" chat ", url=URL, minimum_level="high", actor=ACTOR
    )

    assert _decided(console) == [
        WebhookDestination(id=made.id, revision=1, url=URL, secret=secret, minimum_level="high")
    ]
    assert destinations(console.database) == [made]
    assert made.name == "chat"
    assert not hasattr(made, "secret")


@pytest.mark.parametrize(
    ("name", "url", "level", "field"),
    [
        ("", URL, "high", "name"),
        ("n" * (MOST_NAME_CHARACTERS + 1), URL, "high", "name"),
        ("chat", "ftp://chat.example/", "high", "url"),
        ("chat", "https:///path", "high", "url"),
        ("chat", "https://chat.example/a b", "high", "url"),
        ("chat", "https://chat.example/" + "a" * 2_000, "high", "url"),
        ("chat", URL, "urgent", "minimum_level"),
    ],
)
def test_what_cannot_be_a_destination_is_refused_by_its_field(
    console: TestedConsole, name: str, url: str, level: str, field: str
) -> None:
    with pytest.raises(InputRefused) as refused:
        add_destination(console.database, name=name, url=url, minimum_level=level, actor=ACTOR)

    assert refused.value.field == field
    assert _decided(console) == []


def test_pausing_and_removing_are_later_revisions(console: TestedConsole) -> None:
    made = _add(console)

    set_enabled(console.database, made, enabled=False, actor=ACTOR)
    remove_destination(console.database, made, actor=ACTOR)
    set_enabled(console.database, made, enabled=True, actor=ACTOR)

    found = [
        (one.revision, one.enabled)
        for one in _decided(console)
        if isinstance(one, WebhookDestination)
    ]
    assert found == [(1, True), (2, False), (3, False), (4, False)]
    assert destinations(console.database) == []


def test_a_press_is_one_test_however_often_it_is_sent(console: TestedConsole) -> None:
    made = _add(console)

    for tests in (0, 0, 1):
        ask_for_test(console.database, made, tests=tests, actor=ACTOR)

    asked = [one for one in _decided(console) if isinstance(one, WebhookTest)]
    (shown,) = destinations(console.database)
    assert [(one.id, one.revision) for one in asked] == [(made, 1), (made, 2)]
    assert (shown.tests, shown.tested_by) == (2, ACTOR.name)
    assert shown.test_id == webhook_test_id(made, 2)
    assert shown.revision == 1  # the destination itself did not change


def test_a_paused_destination_is_not_tested(console: TestedConsole) -> None:
    made = _add(console)
    set_enabled(console.database, made, enabled=False, actor=ACTOR)

    with pytest.raises(InputRefused, match="Resume"):
        ask_for_test(console.database, made, tests=0, actor=ACTOR)
    with pytest.raises(NoResultFound):
        ask_for_test(console.database, "nobody", tests=0, actor=ACTOR)

    assert not any(isinstance(one, WebhookTest) for one in _decided(console))
