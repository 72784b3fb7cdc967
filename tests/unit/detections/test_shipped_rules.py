"""Every rule that we ship, against the events beside it that must and must not match."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from appliance.demo.day import generate
from appliance.demo.message import Transport
from detections.alerting import alert_of_firing
from detections.compiler import Rule
from detections.correlation.chain import Chain
from detections.correlation.definition import Correlation
from detections.correlation.limits import Limits
from detections.detector import Detected, Detector
from detections.rule_set import SHIPPED_RULES, load
from detections.rule_tests import run_tests
from detections.settings import DetectionSettings
from pipeline.parsing.detect import Dialect, parse
from pipeline.schema.alert import Alert, EventPosition
from pipeline.schema.event import Event, Kind, Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TESTS = sorted(SHIPPED_RULES.rglob("*.tests.yml"))


def test_every_rule_matches_what_it_must_and_nothing_else() -> None:
    run = run_tests([SHIPPED_RULES])

    assert not run.problems
    assert not run.untested
    assert not [str(failure) for failure in run.failures]
    assert run.passed >= 100


def test_every_rule_has_tests_an_id_an_author_and_our_licence() -> None:
    rule_set = load([SHIPPED_RULES])

    assert not rule_set.problems
    assert len(rule_set.rules) + len(rule_set.correlations) >= 24
    both: list[Rule | Correlation] = [*rule_set.rules, *rule_set.correlations]
    for rule in both:
        written = next(iter(yaml.safe_load_all(rule.text)))
        assert (rule.author, written["license"]) == ("Tocsin", "Apache-2.0"), rule.path
        assert written["id"] == rule.id
        assert rule.path.replace(".yml", ".tests.yml") in map(str, TESTS)
    assert all(rule.tags for rule in both if not rule.name.endswith("_base"))


BREAK_IN = [
    *(
        f"<38>Mar  1 12:00:{second:02} bastion-01 sshd[77]: Failed password for invalid user "
        f"oracle{second} from 203.0.113.47 port 50022 ssh2"
        for second in range(12)
    ),
    "<38>Mar  1 12:01:00 bastion-01 sshd[77]: Accepted password for deploy from 203.0.113.47 "
    "port 50022 ssh2",
    "<85>Mar  1 12:02:00 bastion-01 sudo:   deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; "
    "COMMAND=/bin/bash",
    "<38>Mar  1 12:03:00 bastion-01 useradd[90]: new user: name=backup2, UID=1002, GID=1002, "
    "home=/home/backup2, shell=/bin/bash, from=/dev/pts/0",
    "<38>Mar  1 12:03:10 bastion-01 usermod[91]: add 'backup2' to group 'sudo'",
    'type=EXECVE msg=audit(1772366640.123:901): argc=4 a0="truncate" a1="-s" a2="0" '
    'a3="/var/log/auth.log"',
    '203.0.113.47 - - [01/Mar/2026:11:50:01 +0000] "GET /index.php?f=../../../etc/passwd HTTP/1.1" '
    '404 512 "-" "sqlmap/1.8#stable (https://sqlmap.org)"',
    *(
        f'<189>date=2026-03-01 time=11:40:{port % 60:02} devname="fw1" devid="FG1" '
        f'logid="0000000013" type="traffic" subtype="forward" level="notice" '
        f'srcip=203.0.113.47 srcport=40000 dstip=198.51.100.10 dstport={port} action="deny"'
        for port in range(20, 40)
    ),
    '{"Channel": "Security", "EventID": 1102, "Computer": "dc-01", "SubjectUserName": "eve"}',
]


def test_a_break_in_is_seen_from_the_lines_that_devices_send() -> None:
    events = []
    for index, line in enumerate(BREAK_IN):
        dialect = {"<": Dialect.SYSLOG, "{": Dialect.JSON}.get(line[0], Dialect.LINE)
        parsed = parse(line.encode(), received=NOON, dialect=dialect)
        events.append(event(parsed.fields, parsed.time or NOON, index, line))

    found = {alert.rule_title: alert.entity for alert in alerts([SHIPPED_RULES], events)}

    assert found == {
        "SSH Password Guessing From One Address": "203.0.113.47 → bastion-01",
        "SSH Account Names Tried From One Address": "203.0.113.47 → bastion-01",
        "SSH Password Sign-In From the Internet": "203.0.113.47 → bastion-01",
        "Root Shell by Sudo": "deploy on bastion-01",
        "Account Created on a Linux Host": "backup2 on bastion-01",
        "Account Added to an Administrators' Group": "backup2 on bastion-01",
        "Logs Removed or Emptied": "",
        "Vulnerability Scanner by User Agent": "203.0.113.47",
        "Path Traversal in a Request": "203.0.113.47",
        "Port Scan Denied by the Firewall": "203.0.113.47 → fw1",
        "Windows Event Log Cleared": "eve on dc-01",
    }


@pytest.mark.parametrize("seed", [1, 2026])
def test_an_ordinary_day_is_silent_and_a_break_in_is_not(seed: int) -> None:
    quiet, loud = (
        {alert.rule_title for alert in alerts([SHIPPED_RULES], day(seed, ordinary))}
        for ordinary in (True, False)
    )

    assert quiet == set()
    assert len(loud) >= 12
    assert "SSH Password Guessing From One Address" in loud


def day(seed: int, ordinary: bool) -> list[Event]:
    """The logs of the demo's day, up to the break-in or with it."""
    break_in = NOON - timedelta(hours=1)
    events = []
    for index, message in enumerate(generate(seed, NOON)):
        if message.transport in (Transport.REMOTE_WRITE, Transport.CLICK):
            continue
        if ordinary and message.time >= break_in:
            break
        dialect = Dialect.JSON if message.transport is Transport.NDJSON else Dialect.SYSLOG
        parsed = parse(message.payload, received=message.time, dialect=dialect)
        text = message.payload.decode("utf-8", "replace")
        events.append(event(parsed.fields, parsed.time or message.time, index, text))
    return events


def event(fields: Mapping[str, Value], time: datetime, number: int, raw: str = "") -> Event:
    return Event(
        id=f"018f0000-0000-7000-8000-{number:012}",
        kind=Kind.LOG,
        time=time,
        observed_time=time,
        source="syslog:10.0.0.7",
        fields=fields,
        raw=raw.encode(),
    )


def alerts(rules: list[Path], events: list[Event]) -> list[Alert]:
    rule_set = load(rules)
    assert not rule_set.problems
    detector, found = Detector(rule_set, DetectionSettings()), Detected()
    for number, one in enumerate(events):
        position = EventPosition(
            id=one.id, topic="events.log", partition=0, offset=number, time=one.time
        )
        detector.detect(one, position, found, observed_time=NOON)
    chain = Chain(detector.links, Limits(), lateness_us=0)
    chain.observe(found.hits)
    fired = [alert_of_firing(one, observed_time=NOON) for one in chain.flush()]
    return [*found.alerts, *fired]
