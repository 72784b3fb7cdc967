"""From syslog messages to parsers: by program, by format, or plain."""

from datetime import UTC, datetime

import pytest

from pipeline.parsing.programs import read, read_format
from pipeline.parsing.syslog_message import SyslogMessage
from pipeline.schema.event import Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUDIT = 'type=CWD msg=audit(1772366341.100:71): cwd="/root"'


@pytest.mark.parametrize(
    ("program", "services"),
    [
        ("sshd", ["sshd", "auth"]),
        ("sshd-session", ["sshd", "auth"]),
        ("CRON", ["cron"]),
        ("usermod", ["auth"]),
        ("guacd", ["guacamole"]),
        ("vsftpd", ["vsftpd"]),
        ("nginx", ["nginx"]),
        ("apache2", ["apache"]),
        ("something-new", ["syslog"]),
        ("", ["syslog"]),
    ],
)
def test_a_program_decides_the_log_source(program: str, services: list[str]) -> None:
    _, fields = read(SyslogMessage(program=program, text="hello"), None, NOON)

    assert fields["logsource.service"] == services
    assert fields["message"] == "hello"


def test_the_header_is_told_in_our_names_and_in_ecs() -> None:
    message = SyslogMessage(NOON, "web1", "app", "7", "hello", "", {"msgid": "ID1"})

    time, fields = read(message, ("daemon", "err"), NOON)

    assert time == NOON
    assert fields == {
        "message": "hello",
        "Computer": "web1",
        "host.name": "web1",
        "program": "app",
        "process.name": "app",
        "pid": 7,
        "process.pid": 7,
        "log.syslog.facility": "daemon",
        "log.level": "err",
        "msgid": "ID1",
        "logsource.product": "linux",
        "logsource.service": ["syslog"],
    }


@pytest.mark.parametrize("process_id", ["abc", "1234567890123", "²"])
def test_a_process_id_that_is_no_number_stays_text(process_id: str) -> None:
    _, fields = read(SyslogMessage(program="app", process_id=process_id), None, NOON)

    assert fields["pid"] == process_id


def test_a_format_that_shows_by_itself_is_read_whoever_sent_it() -> None:
    time, fields = read(SyslogMessage(NOON, "web1", "relay", "", AUDIT), None, NOON)

    assert fields["logsource.service"] == ["auditd"]
    assert fields["cwd"] == "/root"
    assert time == datetime(2026, 3, 1, 11, 59, 1, 100_000, tzinfo=UTC)


def test_a_text_without_a_format_is_left_alone() -> None:
    fields: dict[str, Value] = {}

    assert read_format("hello", fields, NOON) is None
    assert fields == {}


def test_a_header_that_was_broken_is_told() -> None:
    _, fields = read(SyslogMessage(text="1 x", error="broken"), ("auth", "crit"), NOON)

    assert fields["parse_error"] == "broken"
