"""The shadow tools: accounts and groups made, changed and removed.

``event.action`` is ``user_added``, ``user_deleted``, ``user_changed``, ``group_added``,
``group_deleted``, ``group_member_added``, ``group_member_removed`` or ``password_changed``;
``user.target.name`` is the account it was done to, ``group.name`` the group.
"""

import re

from pipeline.parsing.key_value import pairs
from pipeline.parsing.linux import pam
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("auth",))
PROGRAMS = (
    "useradd",
    "adduser",
    "usermod",
    "userdel",
    "deluser",
    "groupadd",
    "groupmod",
    "groupdel",
    "gpasswd",
    "passwd",
    "chpasswd",
    "chage",
    "chsh",
    "chfn",
)

_NAME = r"'?([^\s',]{1,256})'?"
# By the word a message begins with: its pattern, what was done, what its groups are.
_WORDINGS: dict[str, tuple[tuple[re.Pattern[str], str, tuple[str, ...]], ...]] = {
    "add": (
        (
            re.compile(rf"add {_NAME} to (?:shadow )?group {_NAME}"),
            "group_member_added",
            ("user.target.name", "group.name"),
        ),
    ),
    "delete": (
        (
            re.compile(rf"delete {_NAME} from (?:shadow )?group {_NAME}"),
            "group_member_removed",
            ("user.target.name", "group.name"),
        ),
        (re.compile(rf"delete user {_NAME}"), "user_deleted", ("user.target.name",)),
    ),
    "user": (
        (
            re.compile(rf"user {_NAME} added by {_NAME} to group {_NAME}"),
            "group_member_added",
            ("user.target.name", "user.name", "group.name"),
        ),
        (
            re.compile(rf"user {_NAME} removed by {_NAME} from group {_NAME}"),
            "group_member_removed",
            ("user.target.name", "user.name", "group.name"),
        ),
    ),
    "change": (
        (re.compile(rf"change user {_NAME} password"), "password_changed", ("user.target.name",)),
        (re.compile(rf"change user {_NAME}"), "user_changed", ("user.target.name",)),
    ),
    "removed": ((re.compile(rf"removed group {_NAME}"), "group_deleted", ("group.name",)),),
    "password": (
        (re.compile(rf"password for {_NAME} changed"), "password_changed", ("user.target.name",)),
    ),
}


def parse(message: str, fields: dict[str, Value]) -> None:
    """``new user: name=eve, UID=1001, …``, ``add 'eve' to group 'sudo'`` and their like."""
    if message.startswith(pam.PREFIX):
        pam.parse(message, fields)
    elif message.startswith("new user: "):
        _made(message, fields, "user_added", "user.target.name")
    elif message.startswith("new group: "):
        _made(message, fields, "group_added", "group.name")
    else:
        for pattern, action, names in _WORDINGS.get(message.partition(" ")[0], ()):
            if found := pattern.match(message):
                fields["event.action"] = action
                fields["event.outcome"] = "success"
                fields.update(zip(names, found.groups(), strict=True))
                return


def _made(message: str, fields: dict[str, Value], action: str, name: str) -> None:
    found = {key: value for key, value in pairs(message.replace(",", " ")).items()}
    fields["event.action"] = action
    fields["event.outcome"] = "success"
    if "name" in found:
        fields[name] = str(found["name"])
    for key in ("UID", "GID", "home", "shell", "from"):
        if key in found:
            fields[key] = found[key]
