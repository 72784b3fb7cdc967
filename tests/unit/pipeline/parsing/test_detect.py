"""The door from bytes to fields: dialects, broken formats, times that cannot be true."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.parsing.detect import Dialect, parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_syslog_line_names_its_machine_program_and_log_source() -> None:
    found = parse(
        b"<38>Mar  1 11:59:00 web1 sshd[4242]: "
        b"Failed password for root from 203.0.113.9 port 5 ssh2\n",
        received=NOON,
        dialect=Dialect.SYSLOG,
    )

    assert found.time == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    assert found.fields == {
        "message": "Failed password for root from 203.0.113.9 port 5 ssh2",
        "Computer": "web1",
        "host.name": "web1",
        "program": "sshd",
        "process.name": "sshd",
        "pid": 4242,
        "process.pid": 4242,
        "log.syslog.facility": "auth",
        "log.level": "info",
        "logsource.product": "linux",
        "logsource.service": ["sshd", "auth"],
        "event.action": "ssh_login",
        "event.outcome": "failure",
        "ssh.method": "password",
        "user.name": "root",
        "source.ip": "203.0.113.9",
        "source.port": 5,
    }


def test_both_syslog_forms_give_the_same_fields() -> None:
    old = parse(b"<38>Mar  1 11:59:00 web1 sshd[42]: hello", received=NOON, dialect=Dialect.SYSLOG)
    new = parse(
        b"<38>1 2026-03-01T11:59:00Z web1 sshd 42 - - hello", received=NOON, dialect=Dialect.SYSLOG
    )

    assert (old.time, old.fields) == (new.time, new.fields)


def test_plain_text_over_syslog_is_linux_syslog_and_no_error() -> None:
    found = parse(b"something happened", received=NOON, dialect=Dialect.SYSLOG)

    assert found.time is None
    assert found.fields == {
        "message": "something happened",
        "logsource.product": "linux",
        "logsource.service": ["syslog"],
    }


def test_a_plain_line_is_only_its_text() -> None:
    found = parse(b"something happened\r\n", received=NOON, dialect=Dialect.LINE)

    assert (found.time, found.fields) == (None, {"message": "something happened"})


@pytest.mark.parametrize(
    ("message", "dialect", "reason", "text"),
    [
        (b"<192>hello", Dialect.SYSLOG, "priority", "<192>hello"),
        (b"<1234>hello", Dialect.SYSLOG, "priority", "<1234>hello"),
        (b"<34>1 hello", Dialect.SYSLOG, "RFC 5424", "1 hello"),
        (b"<34>caf\xe9", Dialect.SYSLOG, "UTF-8 at byte 7", "caf\ufffd"),
        (b'{"a": ', Dialect.JSON, "not JSON", '{"a": '),
        (b"[1]", Dialect.JSON, "JSON list", "[1]"),
        (b'{"a": \xff}', Dialect.JSON, "not JSON", '{"a": \ufffd}'),
        (b'{"a": ', Dialect.LINE, "not JSON", '{"a": '),
    ],
)
def test_a_broken_format_keeps_its_text_and_says_why(
    message: bytes, dialect: Dialect, reason: str, text: str
) -> None:
    found = parse(message, received=NOON, dialect=dialect)

    assert reason in str(found.fields["parse_error"])
    assert found.fields["message"] == text


@pytest.mark.parametrize(
    ("offset", "believed"),
    [
        (timedelta(0), True),
        (timedelta(hours=23), True),
        (timedelta(hours=25), False),
        (timedelta(days=-29), True),
        (timedelta(days=-31), False),
    ],
)
def test_a_time_that_cannot_be_true_gives_way_to_the_time_of_receipt(
    offset: timedelta, believed: bool
) -> None:
    claimed = NOON + offset
    found = parse(
        f"<38>1 {claimed.isoformat()} web1 su - - - hello".encode(),
        received=NOON,
        dialect=Dialect.SYSLOG,
    )

    assert found.time == (claimed if believed else None)
    assert ("time_error" in found.fields) is not believed
    if not believed:
        assert claimed.isoformat() in str(found.fields["time_error"])


def test_a_byte_order_mark_and_trailing_bytes_are_no_part_of_a_message() -> None:
    found = parse(b"\xef\xbb\xbf<13>su: hello\r\n\0", received=NOON, dialect=Dialect.SYSLOG)

    assert (found.fields["program"], found.fields["message"]) == ("su", "hello")
