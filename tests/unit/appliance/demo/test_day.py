"""The day as the collectors' parsers see it: ordered, understood, and with the whole break-in."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

import pytest

from appliance.demo.company import Company, found_company
from appliance.demo.day import generate
from appliance.demo.message import DemoMessage, Transport
from pipeline.parsing.detect import Dialect, Parsed, parse
from pipeline.schema.event import Value

END = datetime(2026, 11, 22, 18, 30, 12, 345678, tzinfo=UTC)
DIALECTS = {
    Transport.SYSLOG_TCP: Dialect.SYSLOG,
    Transport.SYSLOG_UDP: Dialect.SYSLOG,
    Transport.NDJSON: Dialect.JSON,
}
SEEDS = (1, 2)


@lru_cache(maxsize=4)
def day(seed: int) -> tuple[DemoMessage, ...]:
    return tuple(generate(seed, END))


@lru_cache(maxsize=4)
def parsed(seed: int) -> tuple[tuple[DemoMessage, Parsed], ...]:
    return tuple(
        (message, parse(message.payload, received=END, dialect=DIALECTS[message.transport]))
        for message in day(seed)
        if message.transport in DIALECTS
    )


def log_lines(seed: int) -> Iterator[tuple[DemoMessage, dict[str, Value]]]:
    for message, found in parsed(seed):
        yield message, found.fields


def last_hour(seed: int) -> Iterator[dict[str, Value]]:
    for message, fields in log_lines(seed):
        if message.time > END - timedelta(hours=1):
            yield fields


def intruded(seed: int) -> tuple[Company, list[dict[str, Value]]]:
    return found_company(seed), list(last_hour(seed))


def test_the_same_seed_and_end_give_the_same_day() -> None:
    assert tuple(generate(1, END)) == day(1)


def test_another_end_only_moves_the_day() -> None:
    later = list(generate(1, END + timedelta(days=1)))

    assert len(later) == len(day(1))
    assert later[0].time - day(1)[0].time == timedelta(days=1)


def test_an_end_in_another_zone_is_the_same_moment() -> None:
    elsewhere = END.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert tuple(generate(1, elsewhere)) == day(1)


@pytest.mark.parametrize("seed", SEEDS)
def test_messages_come_in_order_and_end_now(seed: int) -> None:
    times = [message.time for message in day(seed)]

    assert times == sorted(times)
    assert END - timedelta(days=1) - timedelta(seconds=1) < times[0]
    assert END - timedelta(minutes=5) < times[-1] < END


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_the_day_of_a_small_company(seed: int) -> None:
    counts = Counter(message.transport for message in day(seed))

    assert 30_000 < sum(counts[transport] for transport in DIALECTS) < 60_000
    assert all(counts[transport] > 1_000 for transport in Transport)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_log_line_is_understood_and_its_time_believed(seed: int) -> None:
    for message, fields in log_lines(seed):
        assert "parse_error" not in fields, message
        assert "time_error" not in fields, message
        assert "logsource.product" in fields or "logsource.category" in fields, message


@pytest.mark.parametrize("seed", SEEDS)
def test_every_log_line_says_the_time_that_the_message_has(seed: int) -> None:
    for message, found in parsed(seed):
        assert found.time is not None
        assert abs(found.time - message.time) < timedelta(seconds=1), message


@pytest.mark.parametrize("seed", SEEDS)
def test_all_log_sources_of_the_company_are_there(seed: int) -> None:
    found = {
        (fields.get("logsource.product"), fields.get("logsource.category"), str(service))
        for _, fields in log_lines(seed)
        for service in _services(fields)
    }

    assert {
        (None, "webserver", ""),
        ("linux", None, "sshd"),
        ("linux", None, "sudo"),
        ("linux", None, "cron"),
        ("linux", None, "auth"),
        ("linux", None, "auditd"),
        ("linux", "process_creation", "auditd"),
        ("linux", None, "syslog"),
        ("fortigate", "firewall", "traffic"),
        ("windows", None, "security"),
        ("windows", None, "system"),
        ("windows", "process_creation", "security"),
        ("windows", "process_creation", "sysmon"),
        ("windows", "dns_query", "sysmon"),
        ("windows", "network_connection", "sysmon"),
        ("windows", "process_access", "sysmon"),
    } <= found


def _services(fields: dict[str, Value]) -> list[Value]:
    found = fields.get("logsource.service", [""])
    assert isinstance(found, list)
    return list(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_reconnaissance_asks_for_many_paths_and_many_ports(seed: int) -> None:
    company, events = intruded(seed)
    scanner = [fields for fields in events if fields.get("source.ip") == company.intruder.scanner]

    missing = [f for f in scanner if f.get("sc-status") in (403, 404)]
    denied = {f["dst_port"] for f in scanner if f.get("action") == "deny"}
    assert len(missing) > 150
    assert len(denied) == 180
    assert any("UNION" in str(f.get("cs-uri-query")) for f in scanner)
    assert any("sqlmap" in str(f.get("cs-user-agent")) for f in scanner)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_brute_force_fails_often_and_then_succeeds(seed: int) -> None:
    company, events = intruded(seed)
    logins = [
        fields
        for fields in events
        if fields.get("event.action") == "ssh_login"
        and fields.get("source.ip") == company.intruder.address
    ]

    assert [fields["event.outcome"] for fields in logins] == ["failure"] * 170 + ["success"]
    assert logins[-1]["user.name"] == company.intruder.victim.account
    assert logins[-1]["host.name"] == company.bastion.name


@pytest.mark.parametrize("seed", SEEDS)
def test_root_is_reached_and_an_account_left_behind(seed: int) -> None:
    company, events = intruded(seed)
    victim, account = company.intruder.victim.account, company.intruder.account

    sudo = [f for f in events if f.get("event.action") == "sudo" and f["user.name"] == victim]
    assert [fields["event.outcome"] for fields in sudo] == ["failure", "success"]
    assert "/bin/bash" in str(sudo[1]["COMMAND"])
    assert [
        (fields["event.action"], fields.get("group.name"))
        for fields in events
        if fields.get("user.target.name") == account and fields.get("logsource.product") == "linux"
    ] == [
        ("user_added", None),
        ("password_changed", None),
        ("group_member_added", "sudo"),
        ("group_member_added", "sudo"),
    ]
    assert any(
        fields.get("event.action") == "CMD" and "| sh" in str(fields["process.command_line"])
        for fields in events
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_windows_server_is_taken(seed: int) -> None:
    company, events = intruded(seed)
    server = [
        fields
        for fields in events
        if str(fields.get("Computer", "")).startswith(f"{company.intruder.target.name}.")
        and fields.get("user.name")
        in (
            company.intruder.administrator.account,
            f"{company.workgroup}\\{company.intruder.administrator.account}",
        )
    ]

    ids = Counter(fields["EventID"] for fields in server)
    assert ids[4625] == 8
    assert all(ids[event_id] for event_id in (4624, 4672, 4688, 4697, 4698, 4720, 4732, 1102, 104))
    assert any("comsvcs" in str(fields.get("CommandLine")) for fields in server)


@pytest.mark.parametrize("seed", SEEDS)
def test_traces_are_wiped_on_both_systems(seed: int) -> None:
    _, events = intruded(seed)

    assert any(
        fields.get("type") == "EXECVE"
        and fields.get("a0") == "truncate"
        and fields.get("a3") == "/var/log/auth.log"
        for fields in events
    )
    assert any(f.get("type") == "PATH" and f.get("name") == "/var/log/auth.log" for f in events)
    assert any(f.get("EventID") == 1102 and f["event.action"] == "log_cleared" for f in events)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rest_of_the_day_has_nothing_of_the_kind(seed: int) -> None:
    company = found_company(seed)
    for message, fields in log_lines(seed):
        if message.time < END - timedelta(hours=1):
            assert fields.get("source.ip") not in (
                company.intruder.scanner,
                company.intruder.address,
            )
            assert fields.get("EventID") not in (1102, 104, 4720, 4732, 7045)
            assert fields.get("event.action") not in ("user_added", "group_member_added")
