"""What PAM says of sessions, failures and passwords."""

import pytest

from pipeline.parsing.linux.pam import parse
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "pam_unix(su:auth): authentication failure; logname=bob uid=1000 euid=0 tty=/dev/pts/0"
            " ruser=bob rhost=  user=root",
            {
                "event.action": "authentication",
                "event.outcome": "failure",
                "user.name": "bob",
                "user.target.name": "root",
            },
        ),
        (
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser="
            " rhost=203.0.113.9",
            {
                "event.action": "authentication",
                "event.outcome": "failure",
                "source.ip": "203.0.113.9",
            },
        ),
        (
            "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
            {"event.action": "session_opened", "event.outcome": "success", "user.name": "root"},
        ),
        (
            "pam_unix(sudo:session): session opened for user root by bob(uid=1000)",
            {
                "event.action": "session_opened",
                "event.outcome": "success",
                "user.name": "bob",
                "user.target.name": "root",
            },
        ),
        (
            "pam_unix(sshd:session): session closed for user alice",
            {"event.action": "session_closed", "user.name": "alice"},
        ),
        (
            "pam_unix(passwd:chauthtok): password changed for alice",
            {
                "event.action": "password_changed",
                "event.outcome": "success",
                "user.target.name": "alice",
            },
        ),
        ("pam_faillock(sshd:auth): User unknown", {}),
        ("pam_unix without the rest", {}),
    ],
)
def test_reads_what_modules_say(message: str, expected: dict[str, Value]) -> None:
    fields: dict[str, Value] = {}

    parse(message, fields)

    assert fields == expected
