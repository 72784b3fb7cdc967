"""The detections role as a process of its own, over a real broker; killed, restarted, told anew."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detections.alerting import alert_of_firing
from detections.correlation.chain import Chain
from detections.correlation.limits import Limits
from detections.detector import Detected, Detector
from detections.rule_set import load
from detections.settings import DetectionSettings
from pipeline.bus.admin import Admin
from pipeline.bus.control import ControlPublisher
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.schema.alert import Alert, EventPosition
from pipeline.schema.codec import SCHEMA_HEADER, decode_alert, encode_event
from pipeline.schema.control import RuleState
from pipeline.schema.event import Event, Kind, Value
from pipeline.schema.topics import ALERTS, EVENTS_LOG, TOPICS
from pipeline.settings import BusSettings
from tests.support.standalone_broker import REPOSITORY, StandaloneBroker

pytestmark = pytest.mark.process

SECONDS = 60
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVE = """
import asyncio, signal, sys
from detections.settings import DetectionSettings
from detections.worker import run
from pipeline.settings import BusSettings

async def serve():
    settings = DetectionSettings.model_validate_json(sys.argv[1])
    bus = BusSettings.model_validate_json(sys.argv[2])
    task = asyncio.ensure_future(run(settings, bus, ready=lambda: print("ready", flush=True)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()

asyncio.run(serve())
"""
RULE = """
title: Evil Word
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001
author: A Tester
logsource: {product: linux}
detection:
  selection: {word: evil}
  condition: selection
level: high
"""
SSH_FAILURE: dict[str, Value] = {
    "logsource.product": "linux",
    "logsource.service": ["sshd", "auth"],
    "event.action": "ssh_login",
    "event.outcome": "failure",
    "user.name": "root",
    "source.ip": "203.0.113.47",
    "host.name": "bastion-01",
}
BRUTE_FORCE = "SSH Password Guessing From One Address"


class Role:
    """A detections process."""

    def __init__(self, settings: DetectionSettings, bus: BusSettings, errors: Path) -> None:
        self.settings = settings
        self._arguments = [settings.model_dump_json(), bus.model_dump_json()]
        self._errors = errors
        self._process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        process = self._begin()
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            while (line := await asyncio.to_thread(process.stdout.readline)) != "ready\n":
                assert line, self._errors.read_text()

    def _begin(self) -> "subprocess.Popen[str]":
        with self._errors.open("a") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVE, *self._arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=REPOSITORY,
            )
        return self._process

    def end(self, how: signal.Signals) -> int:
        """Signal it and wait for its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(how)
        code = self._process.wait(SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[BusSettings]:
    with StandaloneBroker(tmp_path / "broker") as broker:
        settings = BusSettings(url=f"kafka://{broker.address}")
        await Admin(settings).ensure_topics(TOPICS)
        yield settings


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    directory = tmp_path / "rules"
    directory.mkdir()
    return directory


@pytest.fixture
def role(tmp_path: Path, bus: BusSettings, rules: Path) -> Iterator[Role]:
    settings = DetectionSettings(
        rule_directories=(rules,),
        cache_directory=tmp_path / "cache",
        correlation_lateness=timedelta(seconds=1),
    )
    found = Role(settings, bus, tmp_path / "errors")
    yield found
    found.end(signal.SIGKILL)


@pytest.fixture
async def producer(bus: BusSettings) -> AsyncIterator[Producer]:
    async with Producer(bus, client_id="test") as found:
        yield found


def event(
    number: int, fields: dict[str, Value], *, seconds: float = 0, source: str = "syslog:10.0.0.7"
) -> Event:
    time = NOON + timedelta(seconds=seconds)
    return Event(
        id=f"018f0000-0000-7000-8000-{number:012}",
        kind=Kind.LOG,
        time=time,
        observed_time=time,
        source=source,
        fields=fields,
        raw=b"",
    )


def record(found: Event) -> OutgoingRecord:
    return OutgoingRecord(
        topic=EVENTS_LOG,
        key=found.source.encode(),
        value=encode_event(found),
        headers=(SCHEMA_HEADER,),
    )


async def alerts_when(bus: BusSettings, condition: Callable[[list[Alert]], bool]) -> list[Alert]:
    """Every alert in the log, once the condition holds for them."""
    admin = Admin(bus)
    async with asyncio.timeout(SECONDS):
        while True:
            found = []
            for partition, held in (await admin.offsets([ALERTS])).items():
                records = await admin.read(partition, held.start, held.end - held.start)
                assert all(SCHEMA_HEADER in one.headers for one in records)
                found += [decode_alert(one.value or b"") for one in records]
            if condition(found):
                return found


async def committed(bus: BusSettings, events: int) -> None:
    """Return once that many events are committed."""
    admin = Admin(bus)
    async with asyncio.timeout(SECONDS):
        while True:
            offsets = await admin.committed("tocsin-detections")
            if sum(at.offset for at in offsets.values()) >= events:
                return


async def test_an_alert_tells_rule_fields_and_where_the_event_lies(
    bus: BusSettings, role: Role, rules: Path, producer: Producer
) -> None:
    (rules / "evil.yml").write_text(RULE)
    await role.start()

    evil = event(1, {"logsource.product": "linux", "word": "EVIL", "host.name": "web-1"})
    positions = await producer.publish([record(evil)])
    [alert] = await alerts_when(bus, lambda found: len(found) == 1)

    assert (alert.rule_title, alert.rule_author, alert.level) == ("Evil Word", "A Tester", "high")
    assert alert.matched == {"word": "EVIL"}
    assert alert.entity == "web-1"
    [cause] = alert.events
    assert (cause.id, cause.partition, cause.offset) == (
        evil.id,
        positions[0].partition,
        positions[0].offset,
    )


async def test_a_record_that_holds_no_event_stops_nobody(
    bus: BusSettings, role: Role, rules: Path, producer: Producer
) -> None:
    (rules / "evil.yml").write_text(RULE)
    await role.start()

    evil = event(1, {"logsource.product": "linux", "word": "evil"})
    for value in (b"\xff not an event", None, b"{}"):
        junk = OutgoingRecord(topic=EVENTS_LOG, key=evil.source.encode(), value=value)
        await producer.publish([junk])
    await producer.publish([record(evil)])

    assert len(await alerts_when(bus, lambda found: len(found) == 1)) == 1
    await committed(bus, 4)


async def test_rules_are_taken_up_when_their_files_change(
    bus: BusSettings, role: Role, rules: Path, producer: Producer
) -> None:
    await role.start()
    (rules / "broken.yml").write_text("title: [")
    (rules / "evil.yml").write_text(RULE)

    sent = 0
    async with asyncio.timeout(SECONDS):
        while not await alerts_when(bus, lambda found: True):
            sent += 1
            evil = event(sent, {"logsource.product": "linux", "word": "evil"})
            await producer.publish([record(evil)])
            await committed(bus, sent)


async def test_a_rule_that_is_switched_off_is_silent(
    bus: BusSettings, role: Role, rules: Path, producer: Producer
) -> None:
    (rules / "evil.yml").write_text(RULE)
    (rules / "other.yml").write_text(
        RULE.replace("c001", "c002").replace("Evil Word", "Other").replace("evil", "other")
    )
    off = RuleState(id="9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001", revision=1, enabled=False)
    await ControlPublisher(producer).publish([off])
    await role.start()

    fields: list[dict[str, Value]] = [{"word": "evil"}, {"word": "other"}]
    for number, own in enumerate(fields):
        await producer.publish([record(event(number, {"logsource.product": "linux", **own}))])
    await committed(bus, 2)
    found = await alerts_when(bus, lambda found: len(found) > 0)

    assert [alert.rule_title for alert in found] == ["Other"]


async def test_a_correlation_counts_on_after_a_kill(
    bus: BusSettings, role: Role, producer: Producer
) -> None:
    await role.start()
    await producer.publish([record(event(n, SSH_FAILURE, seconds=n)) for n in range(9)])
    await committed(bus, 9)
    role.end(signal.SIGKILL)

    await role.start()
    await producer.publish([record(event(9, SSH_FAILURE, seconds=9))])
    found = await alerts_when(bus, lambda found: len(found) > 0)

    [alert] = found
    assert alert.rule_title == BRUTE_FORCE
    assert alert.group == {"source.ip": "203.0.113.47"}
    assert alert.entity == "203.0.113.47 → bastion-01"
    assert alert.event_count == 10
    assert [cause.id for cause in alert.events] == [event(n, {}).id for n in range(10)]


async def test_a_correlation_that_fired_is_quiet_after_a_kill(
    bus: BusSettings, role: Role, producer: Producer, rules: Path
) -> None:
    (rules / "evil.yml").write_text(RULE)
    await role.start()
    await producer.publish([record(event(n, SSH_FAILURE, seconds=n)) for n in range(12)])
    await committed(bus, 12)
    role.end(signal.SIGKILL)

    await role.start()
    await producer.publish([record(event(n, SSH_FAILURE, seconds=n)) for n in range(12, 30)])
    await producer.publish([record(event(99, {"logsource.product": "linux", "word": "evil"}))])
    await committed(bus, 31)
    found = await alerts_when(bus, lambda found: len({one.rule_title for one in found}) == 2)

    assert Counter(alert.rule_title for alert in found) == {BRUTE_FORCE: 1, "Evil Word": 1}


async def test_killed_again_and_again_it_loses_and_doubles_nothing(
    bus: BusSettings, role: Role, rules: Path, producer: Producer
) -> None:
    (rules / "evil.yml").write_text(RULE)
    await role.start()
    total = 6_000

    async def send() -> None:
        for first in range(0, total, 200):
            await producer.publish(
                [
                    record(event(n, {"logsource.product": "linux", "word": "evil"}))
                    for n in range(first, first + 200)
                ]
            )

    sending = asyncio.create_task(send())
    for alerts in (1_000, 3_000, 5_000):
        await alerts_when(bus, lambda found, least=alerts: len(found) >= least)  # type: ignore[misc]
        role.end(signal.SIGKILL)
        await role.start()
    await sending
    await committed(bus, total)
    found = await alerts_when(bus, lambda found: len({alert.id for alert in found}) >= total)

    assert len(found) == total
    assert len({alert.events[0].id for alert in found}) == total


CORRELATIONS = """
title: Failed
name: failed
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c101
logsource: {product: test}
detection: {s: {ok: false}, condition: s}
---
title: Succeeded
name: succeeded
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c102
logsource: {product: test}
detection: {s: {ok: true}, condition: s}
---
title: Many
name: many
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c103
correlation:
  type: event_count
  rules: [failed]
  group-by: [user]
  timespan: 30s
  condition: {gte: 5}
---
title: Many, then success
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c104
correlation:
  type: temporal_ordered
  rules: [many, succeeded]
  group-by: [user]
  timespan: 60s
  generate: true
---
title: Few in a while
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c105
correlation:
  type: event_count
  rules: [failed]
  group-by: [user]
  timespan: 30s
  condition: {lt: 4}
"""


def logins(total: int) -> list[Event]:
    """Logins of a few users from many senders, ten a second."""
    return [
        event(
            number,
            {
                "logsource.product": "test",
                "ok": number * 7 % 11 == 0,
                "user": f"u{number * number % 13}",
            },
            seconds=number / 10,
            source=f"syslog:10.0.0.{number % 17}",
        )
        for number in range(total)
    ]


def undisturbed(rules: Path, events: list[Event]) -> list[str]:
    """The ids of the alerts of correlations, as one process finds them that has all events."""
    detector, found = Detector(load([rules]), DetectionSettings()), Detected()
    chain = Chain(detector.links, Limits(), lateness_us=1_000_000)
    for number, one in enumerate(events):
        position = EventPosition(
            id=one.id, topic=EVENTS_LOG, partition=0, offset=number, time=one.time
        )
        detector.detect(one, position, found, observed_time=NOON)
    chain.observe(found.hits)
    return sorted(alert_of_firing(one, observed_time=NOON).id for one in chain.flush())


async def test_correlations_over_partitions_are_the_same_however_often_it_is_killed(
    bus: BusSettings, role: Role, rules: Path, producer: Producer, tmp_path: Path
) -> None:
    (rules / "correlations.yml").write_text(CORRELATIONS)
    events = logins(2_400)
    expected = undisturbed(rules, events)
    other = Role(role.settings, bus, tmp_path / "other")
    await asyncio.gather(role.start(), other.start())

    async def send() -> None:
        for first in range(0, len(events), 100):
            await producer.publish([record(one) for one in events[first : first + 100]])

    sending = asyncio.create_task(send())
    try:
        for read, killed in ((400, role), (1_200, other), (2_000, role)):
            await committed(bus, read)
            killed.end(signal.SIGKILL)
            await killed.start()
        await sending
        await committed(bus, len(events))
        found = await alerts_when(
            bus, lambda found: len({one.id for one in found if one.group}) >= len(expected)
        )
    finally:
        other.end(signal.SIGKILL)

    assert sorted(one.id for one in found if one.group) == expected


async def test_told_to_stop_it_finishes_and_leaves(
    bus: BusSettings, role: Role, rules: Path, producer: Producer
) -> None:
    (rules / "evil.yml").write_text(RULE)
    await role.start()
    fields: dict[str, Value] = {"logsource.product": "linux", "word": "evil"}
    await producer.publish([record(event(n, fields)) for n in range(500)])
    await alerts_when(bus, lambda found: len(found) > 0)

    assert role.end(signal.SIGTERM) == 0

    offsets = await Admin(bus).committed("tocsin-detections")
    found = await alerts_when(bus, lambda found: True)
    assert len(found) == len({alert.id for alert in found})
    assert sum(at.offset for at in offsets.values()) == len(found)
