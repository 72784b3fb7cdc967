"""FortiGate's lines: services by type, firewall names for traffic, the device's time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.parsing.network.fortigate import parse, recognises
from pipeline.schema.event import Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = 'date=2026-03-01 time=11:59:00 devname="fw1" devid="FG1"'


def read(rest: str) -> tuple[datetime | None, dict[str, Value]]:
    fields: dict[str, Value] = {}
    return parse(f"{HEAD} {rest}", fields, NOON), fields


def test_traffic_is_a_firewall_event_under_sigmas_names() -> None:
    _, fields = read(
        'type="traffic" srcip=203.0.113.9 srcport=4444 dstip=10.0.0.5 dstport=22 action="deny"'
    )

    assert fields["logsource.category"] == "firewall"
    assert fields["logsource.service"] == ["traffic"]
    assert (fields["src_ip"], fields["src_port"]) == ("203.0.113.9", 4444)
    assert (fields["dst_ip"], fields["dst_port"]) == ("10.0.0.5", 22)
    assert (fields["source.ip"], fields["destination.port"]) == ("203.0.113.9", 22)
    assert fields["event.outcome"] == "failure"


@pytest.mark.parametrize("action", ["accept", "close", "timeout"])
def test_what_is_let_through_is_a_success(action: str) -> None:
    assert read(f'type="traffic" action="{action}"')[1]["event.outcome"] == "success"


@pytest.mark.parametrize(
    ("rest", "service"), [('type="event"', "event"), ('type="utm"', "utm"), ("", "event")]
)
def test_the_type_is_the_service(rest: str, service: str) -> None:
    assert read(rest)[1]["logsource.service"] == [service]


@pytest.mark.parametrize(
    ("rest", "time"),
    [
        ('tz="+0200"', datetime(2026, 3, 1, 11, 59, tzinfo=timezone(timedelta(hours=2)))),
        ("eventtime=1772366345000000000", datetime(2026, 3, 1, 11, 59, 5, tzinfo=UTC)),
        ("eventtime=1772366345", datetime(2026, 3, 1, 11, 59, 5, tzinfo=UTC)),
        ("", datetime(2026, 3, 1, 11, 59, tzinfo=UTC)),
    ],
)
def test_the_time_is_the_devices(rest: str, time: datetime) -> None:
    assert read(rest)[0] == time


@pytest.mark.parametrize(
    ("rest", "message"),
    [('msg="said" logdesc="x"', "said"), ('logdesc="described"', "described")],
)
def test_what_a_person_reads_is_what_it_says(rest: str, message: str) -> None:
    assert read(rest)[1]["message"] == message


@pytest.mark.parametrize("text", ["date=2026-03-01 other", "devname=x", ""])
def test_other_key_value_lines_are_not_taken_for_it(text: str) -> None:
    assert not recognises(text)
