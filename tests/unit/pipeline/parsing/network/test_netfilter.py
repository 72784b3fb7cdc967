"""The packet filter's lines under Sigma's firewall names."""

import pytest

from pipeline.parsing.network.netfilter import parse
from pipeline.schema.event import Value

PACKET = "IN=eth0 OUT= MAC=aa:bb SRC=203.0.113.9 DST=10.0.0.5 LEN=60 PROTO=TCP SPT=4444 DPT=22"


@pytest.mark.parametrize(
    ("prefix", "action", "outcome"),
    [
        ("[UFW BLOCK] ", "block", "failure"),
        ("[ 5123.456789] [UFW ALLOW] ", "allow", "success"),
        ("input-drop: ", "block", "failure"),
        ("REJECT ", "block", "failure"),
        ("seen: ", None, None),
    ],
)
def test_the_prefix_tells_the_verdict(prefix: str, action: str | None, outcome: str | None) -> None:
    fields: dict[str, Value] = {}

    parse(prefix + PACKET, fields)

    assert (fields.get("event.action"), fields.get("event.outcome")) == (action, outcome)


def test_the_packet_is_told_under_sigmas_and_ecs_names() -> None:
    fields: dict[str, Value] = {}

    parse(PACKET, fields)

    assert fields["logsource.category"] == "firewall"
    assert (fields["src_ip"], fields["src_port"]) == ("203.0.113.9", 4444)
    assert (fields["destination.ip"], fields["destination.port"]) == ("10.0.0.5", 22)
    assert (fields["proto"], fields["network.transport"]) == ("TCP", "tcp")
    assert (fields["IN"], fields["MAC"]) == ("eth0", "aa:bb")
    assert "OUT" not in fields


def test_other_kernel_messages_are_left_alone() -> None:
    fields: dict[str, Value] = {}

    parse("[ 5124.0] eth0: link becomes ready", fields)

    assert fields == {}
