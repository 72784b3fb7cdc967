"""Lines as their devices write them, byte for byte."""

from datetime import UTC, datetime

import pytest

from appliance.demo import firewall_logs, linux_logs, web_logs, windows_logs
from appliance.demo.company import Machine, found_company
from appliance.demo.message import Transport
from pipeline.parsing.detect import Dialect, parse

TIME = datetime(2026, 3, 1, 11, 59, 1, 250_000, tzinfo=UTC)
WEB, JUMP = Machine("ams-web1", "10.0.0.1"), Machine("ams-jump1", "10.0.0.2")


def test_web_servers_speak_the_old_syslog_and_others_the_new() -> None:
    old = linux_logs.syslog(TIME, WEB, "sshd", 7, "hello")
    new = linux_logs.syslog(TIME, JUMP, "sshd", 7, "hello")

    assert old.payload == b"<86>Mar  1 11:59:01 ams-web1 sshd[7]: hello"
    assert new.payload == b"<86>1 2026-03-01T11:59:01.250000+00:00 ams-jump1 sshd 7 - - hello"
    assert old.transport is Transport.SYSLOG_TCP


def test_sudo_pads_the_account_and_tells_the_reason() -> None:
    message = linux_logs.sudo(TIME, WEB, 7, "bob", "/bin/sh", reason="command not allowed")

    assert message.payload.endswith(
        b"sudo[7]:      bob : command not allowed ; TTY=pts/0 ; PWD=/home/bob ; USER=root ;"
        b" COMMAND=/bin/sh"
    )


@pytest.mark.parametrize(
    ("argument", "written"), [("-l", b'"-l"'), ("a b", b"612062"), ('"', b"22"), ("é", b"C3A9")]
)
def test_the_kernel_writes_what_it_does_not_trust_in_hexadecimal(
    argument: str, written: bytes
) -> None:
    records = linux_logs.executed(
        TIME, JUMP, 9, ("ls", argument), executable="/usr/bin/ls", login_uid=1, uid=1, process_id=5
    )

    payloads = [record.payload for record in records]
    assert any(b'argc=2 a0="ls" a1=' + written in payload for payload in payloads)
    assert len({payload.partition(b"msg=")[2].partition(b")")[0] for payload in payloads}) == 1


def test_nginx_writes_the_combined_format() -> None:
    message = web_logs.request(TIME, WEB, "192.0.2.1", "GET", "/a?b", 200, 5, "Agent")

    assert message.payload.endswith(
        b'nginx: 192.0.2.1 - - [01/Mar/2026:11:59:01 +0000] "GET /a?b HTTP/1.1" 200 5 "-" "Agent"'
    )


def test_the_firewall_writes_key_values_with_a_steady_session_number() -> None:
    company = found_company(1)
    first, second = (
        firewall_logs.traffic(
            TIME, company, ("203.0.113.9", 4444), (company.firewall.address, 22), "deny"
        )
        for _ in range(2)
    )

    assert first == second
    assert first.transport is Transport.SYSLOG_UDP
    fields = parse(first.payload, received=TIME, dialect=Dialect.SYSLOG).fields
    assert (fields["srcintf"], fields["service"], fields["dst_port"]) == ("wan1", "SSH", 22)


def test_a_windows_process_is_told_twice_and_alike() -> None:
    company = found_company(1)
    told = windows_logs.process(
        TIME, company, "PC1", "bob", "C:\\a.exe", "a.exe -x", parent="C:\\b.exe", process_id=800
    )

    sysmon, security = (
        parse(message.payload, received=TIME, dialect=Dialect.JSON).fields for message in told
    )
    assert (sysmon["EventID"], security["EventID"]) == (1, 4688)
    for name in ("Image", "ParentImage", "CommandLine", "Computer"):
        assert sysmon[name] == security[name]
