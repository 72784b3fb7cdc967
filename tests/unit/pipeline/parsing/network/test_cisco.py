"""Cisco's messages: facility to service, users, commands, denials."""

import pytest

from pipeline.parsing.network.cisco import LOG_SOURCE, parse, recognises
from pipeline.schema.event import Value


def read(message: str) -> dict[str, Value]:
    fields = dict(LOG_SOURCE.fields)
    parse(message, fields)
    return fields


@pytest.mark.parametrize(
    ("message", "service"),
    [
        ("%BGP-5-ADJCHANGE: neighbor 192.0.2.1 Down", "bgp"),
        ("%LDP-5-NBRCHG: LDP Neighbor 192.0.2.1:0 is DOWN", "ldp"),
        ("%SYS-5-CONFIG_I: Configured from console", "aaa"),
        ("%ASA-6-302013: Built outbound TCP connection", "aaa"),
    ],
)
def test_the_facility_decides_the_service(message: str, service: str) -> None:
    assert recognises(message)
    assert read(message)["logsource.service"] == [service]


def test_a_logged_command_names_its_user() -> None:
    fields = read("%PARSER-5-CFGLOG_LOGGEDCMD: User:admin  logged command:no logging host 10.0.0.4")

    assert fields["user.name"] == "admin"
    assert fields["process.command_line"] == "no logging host 10.0.0.4"
    assert "source.ip" not in fields


def test_a_failed_login_names_user_and_source() -> None:
    fields = read(
        "%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: ops] [Source: 203.0.113.9] [localport: 22]"
    )

    assert (fields["user.name"], fields["source.ip"]) == ("ops", "203.0.113.9")
    assert (fields["cisco.facility"], fields["cisco.severity"]) == ("SEC_LOGIN", 4)
    assert fields["event.code"] == "LOGIN_FAILED"


def test_a_denial_is_a_firewall_event() -> None:
    fields = read(
        "%ASA-4-106023: Deny udp src outside:203.0.113.9/53 dst inside:10.0.0.5/123 by access-group"
    )

    assert fields["logsource.category"] == "firewall"
    assert (fields["src_ip"], fields["src_port"]) == ("203.0.113.9", 53)
    assert (fields["dst_ip"], fields["dst_port"]) == ("10.0.0.5", 123)
    assert (fields["network.transport"], fields["event.outcome"]) == ("udp", "failure")


def test_a_subfacility_is_skipped() -> None:
    assert read("%DUAL-SDWA-5-NBRCHANGE: EIGRP")["event.code"] == "NBRCHANGE"


@pytest.mark.parametrize("text", ["%", "% of disk", "%a-1-B: x", "%SYS-9-X: y", "SYS-5-X: y"])
def test_other_texts_are_not_taken_for_it(text: str) -> None:
    assert not recognises(text)
