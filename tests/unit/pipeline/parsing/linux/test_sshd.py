"""OpenSSH's messages: who, from where, with which outcome."""

import pytest

from pipeline.parsing.linux.sshd import parse
from pipeline.schema.event import Value


def read(message: str) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    parse(message, fields)
    return fields


@pytest.mark.parametrize(
    ("message", "outcome", "method", "user"),
    [
        (
            "Accepted password for alice from 203.0.113.9 port 50022 ssh2",
            "success",
            "password",
            "alice",
        ),
        (
            "Accepted publickey for alice from 203.0.113.9 port 50022 ssh2: ED25519-CERT SHA256:x"
            " ID mallory from 198.51.100.1 port 1 (serial 0) CA ED25519 SHA256:y",
            "success",
            "publickey",
            "alice",
        ),
        (
            "Failed password for root from 203.0.113.9 port 50022 ssh2",
            "failure",
            "password",
            "root",
        ),
        (
            "Failed password for invalid user admin from 203.0.113.9 port 50022 ssh2",
            "failure",
            "password",
            "admin",
        ),
        (
            "Failed none for invalid user a from 198.51.100.1 port 1"
            " from 203.0.113.9 port 50022 ssh2",
            "failure",
            "none",
            "a from 198.51.100.1 port 1",
        ),
    ],
)
def test_a_verdict_on_a_login_names_user_address_and_method(
    message: str, outcome: str, method: str, user: str
) -> None:
    assert read(message) == {
        "event.action": "ssh_login",
        "event.outcome": outcome,
        "ssh.method": method,
        "user.name": user,
        "source.ip": "203.0.113.9",
        "source.port": 50022,
    }


@pytest.mark.parametrize(
    ("message", "user"),
    [
        ("Invalid user admin from 203.0.113.9 port 50022", "admin"),
        ("Invalid user  from 203.0.113.9 port 50022", None),
        ("Invalid user a b from 203.0.113.9 port 50022", "a b"),
    ],
)
def test_an_unknown_user_is_a_failure_of_its_own(message: str, user: str | None) -> None:
    fields = read(message)

    assert fields["event.action"] == "ssh_invalid_user"
    assert fields["event.outcome"] == "failure"
    assert fields.get("user.name") == user
    assert (fields["source.ip"], fields["source.port"]) == ("203.0.113.9", 50022)


@pytest.mark.parametrize(
    ("message", "action", "user"),
    [
        (
            'Connection from 203.0.113.9 port 50022 on 10.0.0.1 port 22 rdomain ""',
            "ssh_connect",
            None,
        ),
        (
            "Connection closed by authenticating user root 203.0.113.9 port 50022 [preauth]",
            "ssh_disconnect_preauth",
            "root",
        ),
        (
            "Connection reset by invalid user x y 203.0.113.9 port 50022 [preauth]",
            "ssh_disconnect_preauth",
            "x y",
        ),
        ("Connection closed by 203.0.113.9 port 50022 [preauth]", "ssh_disconnect_preauth", None),
        ("Disconnected from user alice 203.0.113.9 port 50022", "ssh_disconnect", "alice"),
        (
            "Disconnected from authenticating user root 203.0.113.9 port 50022 [preauth]",
            "ssh_disconnect_preauth",
            "root",
        ),
        (
            "Received disconnect from 203.0.113.9 port 50022:11: Bye Bye [preauth]",
            "ssh_disconnect_preauth",
            None,
        ),
        (
            "Did not receive identification string from 203.0.113.9 port 50022",
            "ssh_disconnect_preauth",
            None,
        ),
    ],
)
def test_connections_that_come_and_go_name_their_peer(
    message: str, action: str, user: str | None
) -> None:
    fields = read(message)

    assert fields["event.action"] == action
    assert fields.get("user.name") == user
    assert (fields["source.ip"], fields["source.port"]) == ("203.0.113.9", 50022)


def test_too_many_attempts_are_a_failed_login() -> None:
    fields = read(
        "error: maximum authentication attempts exceeded for root from 203.0.113.9 port 50022"
        " ssh2 [preauth]"
    )

    assert fields["event.outcome"] == "failure"
    assert (fields["user.name"], fields["source.ip"]) == ("root", "203.0.113.9")


def test_pam_speaks_under_the_name_of_sshd() -> None:
    fields = read(
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser="
        " rhost=203.0.113.9  user=root"
    )

    assert (fields["event.outcome"], fields["user.name"]) == ("failure", "root")
    assert fields["source.ip"] == "203.0.113.9"


@pytest.mark.parametrize(
    "message",
    [
        "Server listening on 0.0.0.0 port 22.",
        "Accepted",
        "Failed",
        "Connection",
        "Invalid",
        "Did",
        "",
    ],
)
def test_what_it_does_not_know_it_leaves_alone(message: str) -> None:
    assert read(message).get("user.name") is None
