"""Journal entries are the syslog messages that they are."""

from datetime import UTC, datetime

from pipeline.parsing.linux.journald import parse, recognises

ENTRY: dict[str, object] = {
    "__REALTIME_TIMESTAMP": "1772366341000000",
    "_HOSTNAME": "web1",
    "SYSLOG_IDENTIFIER": "sshd",
    "_PID": "42",
    "PRIORITY": "6",
    "SYSLOG_FACILITY": "4",
    "_SYSTEMD_UNIT": "ssh.service",
    "MESSAGE": "hello",
}


def test_an_entry_has_a_header_and_a_text() -> None:
    found = parse(ENTRY)

    assert found.time == datetime(2026, 3, 1, 11, 59, 1, tzinfo=UTC)
    assert (found.hostname, found.program, found.process_id) == ("web1", "sshd", "42")
    assert found.text == "hello"
    assert found.fields == {
        "log.syslog.facility": "auth",
        "log.level": "info",
        "journald.systemd_unit": "ssh.service",
    }


def test_a_program_without_an_identifier_is_its_command() -> None:
    entry = {"__REALTIME_TIMESTAMP": "x", "MESSAGE": "", "_COMM": "python3", "PRIORITY": "99"}

    found = parse(entry)

    assert (found.program, found.time, found.fields) == ("python3", None, {})


def test_entries_are_recognised_by_time_and_text() -> None:
    assert recognises(ENTRY)
    assert not recognises({"MESSAGE": "x"})
    assert not recognises({"__REALTIME_TIMESTAMP": "1", "MESSAGE": [1, 2]})
