"""What PAM modules write under the name of whichever program called them.

The ECS names: ``event.action`` is ``authentication``, ``session_opened``, ``session_closed`` or
``password_changed``; ``user.name`` the account that acted, ``user.target.name`` the account
it became where that is another one.
"""

from pipeline.parsing.key_value import pairs
from pipeline.schema.event import Value

PREFIX = "pam_"


def parse(message: str, fields: dict[str, Value]) -> None:
    """Read ``pam_unix(sshd:auth): …``; unknown wording adds nothing."""
    _, colon, text = message.partition("): ")
    if not colon:
        return
    if text.startswith("authentication failure"):
        _authentication(text, fields, "failure")
    elif text.startswith("authentication success"):
        _authentication(text, fields, "success")
    elif text.startswith("session opened for user "):
        target, _, opener = text[24:].partition(" by ")
        _session(_without_uid(target), _without_uid(opener), fields)
    elif text.startswith("session closed for user "):
        fields["event.action"] = "session_closed"
        fields["user.name"] = text[24:]
    elif text.startswith("password changed for "):
        fields["event.action"] = "password_changed"
        fields["event.outcome"] = "success"
        fields["user.target.name"] = text[21:]


def _authentication(text: str, fields: dict[str, Value], outcome: str) -> None:
    """``…; logname=bob uid=1000 euid=0 tty=/dev/pts/0 ruser=bob rhost=  user=root``."""
    found = pairs(text.partition("; ")[2])
    fields["event.action"] = "authentication"
    fields["event.outcome"] = outcome
    acting, target = found.get("ruser"), found.get("user")
    if acting:
        fields["user.name"] = str(acting)
        if target:
            fields["user.target.name"] = str(target)
    elif target:
        fields["user.name"] = str(target)
    if host := found.get("rhost"):
        fields["source.ip"] = str(host)


def _session(target: str, opener: str, fields: dict[str, Value]) -> None:
    fields["event.action"] = "session_opened"
    fields["event.outcome"] = "success"
    if opener and opener != target:
        fields["user.name"] = opener
        fields["user.target.name"] = target
    else:
        fields["user.name"] = target


def _without_uid(account: str) -> str:
    """The name in ``root(uid=0)`` or ``bob``; empty for a bare ``(uid=0)``."""
    return account.partition("(")[0]
