"""sudo: who ran what as whom, and who was not let.

``event.action`` is ``sudo``; a refusal has outcome ``failure`` and its reason in ``sudo.reason``.
"""

from pipeline.parsing.linux import pam
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("sudo",))
PROGRAMS = ("sudo",)

_NAMES = frozenset({"HOST", "TTY", "CHROOT", "PWD", "USER", "GROUP", "TSID", "ENV", "EXIT"})


def parse(message: str, fields: dict[str, Value]) -> None:
    """``bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/id``."""
    if message.startswith(pam.PREFIX):
        pam.parse(message, fields)
        return
    user, colon, rest = message.partition(" : ")
    if not colon:
        return
    head, found, command = rest.partition("COMMAND=")
    if found:
        fields["COMMAND"] = fields["process.command_line"] = command
    outcome = "success" if found else "unknown"
    for part in head.split(" ; "):
        name, equals, value = part.partition("=")
        if equals and name in _NAMES:
            fields[name] = value
        elif name := name.strip():
            fields["sudo.reason"] = name  # "3 incorrect password attempts", "user NOT in sudoers"
            outcome = "failure"
    fields["event.action"] = "sudo"
    fields["event.outcome"] = outcome
    fields["user.name"] = user.strip()
    if target := fields.get("USER"):
        fields["user.target.name"] = target
