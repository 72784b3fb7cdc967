"""cron's messages, in its own words."""

import pytest

from pipeline.parsing.linux.cron import parse
from pipeline.schema.event import Value


def test_a_job_is_a_command_line() -> None:
    fields: dict[str, Value] = {}

    parse("(root) CMD (  test -x /usr/sbin/x && (x; y) )", fields)

    assert fields == {
        "user.name": "root",
        "event.action": "CMD",
        "process.command_line": "test -x /usr/sbin/x && (x; y)",
    }


@pytest.mark.parametrize("action", ["REPLACE", "BEGIN EDIT", "END EDIT", "LIST", "DELETE"])
def test_a_table_belongs_to_somebody(action: str) -> None:
    fields: dict[str, Value] = {}

    parse(f"(root) {action} (bob)", fields)

    assert fields == {"user.name": "root", "event.action": action, "user.target.name": "bob"}


@pytest.mark.parametrize("message", ["", "(CRON) INFO", "pam_unix", "(a) b", "no (b) c (d)"])
def test_other_messages_are_left_alone(message: str) -> None:
    fields: dict[str, Value] = {}

    parse(message, fields)

    assert fields == {}
