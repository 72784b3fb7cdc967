"""sudo: commands that ran and commands that did not."""

import pytest

from pipeline.parsing.linux.sudo import parse
from pipeline.schema.event import Value


def read(message: str) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    parse(message, fields)
    return fields


def test_a_command_that_ran() -> None:
    assert read(
        "     bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/env A=1 ; id"
    ) == {
        "TTY": "pts/0",
        "PWD": "/home/bob",
        "USER": "root",
        "COMMAND": "/usr/bin/env A=1 ; id",
        "process.command_line": "/usr/bin/env A=1 ; id",
        "event.action": "sudo",
        "event.outcome": "success",
        "user.name": "bob",
        "user.target.name": "root",
    }


@pytest.mark.parametrize(
    "reason", ["user NOT in sudoers", "3 incorrect password attempts", "command not allowed"]
)
def test_a_refusal_has_its_reason(reason: str) -> None:
    fields = read(f"bob : {reason} ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh")

    assert (fields["event.outcome"], fields["sudo.reason"]) == ("failure", reason)
    assert fields["user.name"] == "bob"


@pytest.mark.parametrize("message", ["no colon with spaces", "", "unable to resolve host web1"])
def test_other_messages_are_left_alone(message: str) -> None:
    assert read(message) == {}


def test_pam_speaks_under_the_name_of_sudo() -> None:
    assert read("pam_unix(sudo:session): session closed for user root")["user.name"] == "root"
