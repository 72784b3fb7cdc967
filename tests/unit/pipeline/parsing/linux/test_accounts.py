"""The shadow tools' messages."""

import pytest

from pipeline.parsing.linux.accounts import parse
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    ("message", "action", "user", "group"),
    [
        (
            "new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/sh, from=none",
            "user_added",
            "eve",
            None,
        ),
        ("new group: name=eve, GID=1001", "group_added", None, "eve"),
        ("add 'eve' to group 'sudo'", "group_member_added", "eve", "sudo"),
        ("add 'eve' to shadow group 'sudo'", "group_member_added", "eve", "sudo"),
        ("delete 'eve' from group 'sudo'", "group_member_removed", "eve", "sudo"),
        ("delete user 'eve'", "user_deleted", "eve", None),
        ("change user 'eve' password", "password_changed", "eve", None),
        ("change user 'eve' shell from '/bin/sh' to '/bin/bash'", "user_changed", "eve", None),
        ("removed group 'eve' owned by 'eve'", "group_deleted", None, "eve"),
        ("password for 'eve' changed by 'root'", "password_changed", "eve", None),
        ("user eve removed by root from group sudo", "group_member_removed", "eve", "sudo"),
    ],
)
def test_what_was_done_to_whom(
    message: str, action: str, user: str | None, group: str | None
) -> None:
    fields: dict[str, Value] = {}

    parse(message, fields)

    assert (fields["event.action"], fields["event.outcome"]) == (action, "success")
    assert (fields.get("user.target.name"), fields.get("group.name")) == (user, group)


def test_a_new_account_keeps_its_details() -> None:
    fields: dict[str, Value] = {}

    parse("new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/bash, from=/dev/pts/1", fields)

    assert (fields["UID"], fields["GID"], fields["home"]) == (0, 0, "/root")
    assert (fields["shell"], fields["from"]) == ("/bin/bash", "/dev/pts/1")


@pytest.mark.parametrize("message", ["", "add nothing", "failed adding user 'eve'", "user"])
def test_other_messages_are_left_alone(message: str) -> None:
    fields: dict[str, Value] = {}

    parse(message, fields)

    assert fields == {}
