"""OpenSSH's server: logins, failed logins, unknown users, connections that end early.

``event.action`` is ``ssh_login`` for every verdict on a login (``event.outcome`` says which),
``ssh_invalid_user``, ``ssh_connect``, ``ssh_disconnect`` (``ssh_disconnect_preauth`` before a
login) or a PAM action. What a client names (its user) may hold spaces and words of ours, so
addresses are looked for from the right.
"""

from pipeline.parsing.key_value import number
from pipeline.parsing.linux import pam
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("sshd", "auth"))
PROGRAMS = ("sshd", "sshd-session", "sshd-auth", "dropbear")


def parse(message: str, fields: dict[str, Value]) -> None:
    """Add who, from where and with which outcome."""
    read = _READERS.get(message[: message.find(" ")])
    if read is not None:
        read(message, fields)
    elif message.startswith(pam.PREFIX):
        pam.parse(message, fields)
    elif message.startswith("error: maximum authentication attempts exceeded for "):
        _verdict("failure", *_user_and_address(message[51:]), fields)


def _accepted(message: str, fields: dict[str, Value]) -> None:
    """``Accepted publickey for alice from 203.0.113.9 port 50022 ssh2: ED25519 SHA256:…``."""
    head, _, address = message.partition(" from ")
    if address:
        method, _, user = head[9:].partition(" for ")
        fields["ssh.method"] = method
        _verdict("success", user, address, fields)


def _failed(message: str, fields: dict[str, Value]) -> None:
    """``Failed password for invalid user admin from 203.0.113.9 port 50022 ssh2``."""
    head, _, address = message.rpartition(" from ")
    if head:
        method, _, user = head[7:].partition(" for ")
        fields["ssh.method"] = method
        if user.startswith("invalid user "):
            user = user[13:]
        _verdict("failure", user, address, fields)


def _invalid(message: str, fields: dict[str, Value]) -> None:
    """``Invalid user admin from 203.0.113.9 port 50022``."""
    if not message.startswith("Invalid user "):
        return
    fields["event.action"] = "ssh_invalid_user"
    fields["event.outcome"] = "failure"
    _who(*_user_and_address(message[12:]), fields)


def _connection(message: str, fields: dict[str, Value]) -> None:
    """``Connection closed by authenticating user root 203.0.113.9 port 50022 [preauth]``."""
    if message.startswith("Connection from "):
        fields["event.action"] = "ssh_connect"
        _who("", message[16:], fields)
        return
    _, _, peer = message.partition(" by ")
    if peer:
        _disconnected_peer(peer, fields)


def _disconnected(message: str, fields: dict[str, Value]) -> None:
    """``Disconnected from user alice 203.0.113.9 port 50022``, also ``Received disconnect …``."""
    _, _, peer = message.partition(" from ")
    if peer:
        _disconnected_peer(peer, fields)


def _disconnected_peer(peer: str, fields: dict[str, Value]) -> None:
    early = peer.endswith(" [preauth]")
    fields["event.action"] = "ssh_disconnect_preauth" if early else "ssh_disconnect"
    head, port, number_and_rest = peer.rpartition(" port ")
    if not port:
        head, number_and_rest = peer.partition(" ")[0], ""
    user, _, address = head.rpartition(" ")
    for kind in ("authenticating user ", "invalid user ", "user "):
        user = user.removeprefix(kind)
    _who(user, f"{address} port {number_and_rest}", fields)


def _did_not(message: str, fields: dict[str, Value]) -> None:
    """``Did not receive identification string from 203.0.113.9 port 50022``."""
    _, _, address = message.rpartition(" from ")
    fields["event.action"] = "ssh_disconnect_preauth"
    _who("", address, fields)


def _user_and_address(text: str) -> tuple[str, str]:
    """The two sides of the last ``from``, so that a user called ``a from b`` forges nothing."""
    user, _, address = text.rpartition(" from ")
    return user.strip(), address


def _verdict(outcome: str, user: str, address: str, fields: dict[str, Value]) -> None:
    fields["event.action"] = "ssh_login"
    fields["event.outcome"] = outcome
    _who(user, address, fields)


def _who(user: str, address: str, fields: dict[str, Value]) -> None:
    """Add the user and the ``203.0.113.9 port 50022 …`` that an address part holds."""
    if user:
        fields["user.name"] = user
    words = address.split(" ", 3)
    if words[0]:
        fields["source.ip"] = words[0]
    if len(words) > 2 and words[1] == "port":
        port = words[2].partition(":")[0]
        fields["source.port"] = number(port)


_READERS = {
    "Accepted": _accepted,
    "Failed": _failed,
    "Invalid": _invalid,
    "Connection": _connection,
    "Disconnected": _disconnected,
    "Received": _disconnected,
    "Disconnecting": _disconnected,
    "Did": _did_not,
}
