"""Killing, stopping and starving the ClickHouse sink: every event is stored once."""

import asyncio
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from pipeline.bus.admin import Admin
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.ledger import Counted, Coverage, Ledger, LogSpan, Measured, reconcile
from pipeline.schema.codec import SCHEMA_HEADER, encode_alert, encode_event
from pipeline.schema.topics import ALERTS, EVENTS_LOG
from pipeline.settings import BusSettings, StoreSettings
from pipeline.sinks.webhook import GROUP
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.queries import measured
from pipeline.store.queries.ledger import oldest_whole_day
from tests.support.records import alert, event
from tests.support.sinks import LEDGER_TOPICS, Plant, plant
from tests.support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

# Ten rounds are for the release; three are enough to notice.
ROUNDS = int(os.environ.get("TOCSIN_KILL_ROUNDS", "3"))
RATE = 5_000
SOURCES = 12


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Plant]:
    with plant(tmp_path) as made:
        yield made


class Sender(threading.Thread):
    """Publishes events at a rate until it is finished; knows which were acknowledged."""

    def __init__(self, bus: BusSettings, *, rate: int) -> None:
        super().__init__(name="sender")
        self.acknowledged: set[str] = set()
        self._bus = bus
        self._rate = rate
        self._ending = threading.Event()

    def run(self) -> None:
        asyncio.run(self._send())

    def finish(self) -> None:
        self._ending.set()
        self.join(60)

    async def _send(self) -> None:
        number = 0
        async with Producer(self._bus, client_id="sender") as producer:
            while not self._ending.wait(0.1):
                numbers = range(number, number + self._rate // 10)
                number = numbers.stop
                await producer.publish([outgoing(one) for one in numbers])
                self.acknowledged |= {event(one).id for one in numbers}


def outgoing(number: int) -> OutgoingRecord:
    source = f"syslog:10.0.0.{number % SOURCES}"
    made = event(number, source=source, observed=datetime.now(UTC))
    return OutgoingRecord(
        topic=EVENTS_LOG, key=source.encode(), value=encode_event(made), headers=(SCHEMA_HEADER,)
    )


async def publish(bus: BusSettings, *records: OutgoingRecord) -> None:
    async with Producer(bus, client_id="test") as producer:
        await producer.publish(records)


async def stored(plant: Plant) -> Counter[str]:
    async with StoreClient(plant.store.settings) as client:
        rows = await client.query(
            NamedQuery(
                name="ids",
                sql="SELECT toString(id), count() FROM events GROUP BY id",
                parameters={},
                seconds=60,
            )
        )
    return Counter({str(id): int(count) for id, count in rows})


async def number_of(settings: StoreSettings, sql: str) -> int:
    async with StoreClient(settings) as client:
        rows = await client.query(NamedQuery(name="number", sql=sql, parameters={}))
    return int(rows[0][0])


async def run_command(settings: StoreSettings, sql: str) -> None:
    async with StoreClient(settings) as client:
        await client.command(sql)


async def the_ledger(plant: Plant) -> Ledger:
    since = oldest_whole_day(datetime.now(UTC).date(), 90)
    async with StoreClient(plant.store.settings) as client:
        covered = await measured.coverage(client, since)
        booked = await measured.booked(client, since, covered)
        rows = await measured.stored(client, since, covered)
        letters = await measured.parked(client, since)
    log = await Admin(plant.bus).offsets(LEDGER_TOPICS)
    return reconcile(
        Measured(
            coverage=[Coverage(**_members(at)) for at in covered],  # type: ignore[arg-type]
            counted=[Counted(**_members(row)) for row in booked],  # type: ignore[arg-type]
            stored=rows,
            letters=letters,
            log=[
                LogSpan(topic=at.topic, partition=at.partition, start=span.start, end=span.end)
                for at, span in log.items()
            ],
        )
    )


def _members(value: object) -> dict[str, object]:
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]


def has_grown(plant: Plant, before: int) -> bool:
    return len(asyncio.run(stored(plant))) > before


def is_quiet(plant: Plant) -> bool:
    return asyncio.run(the_ledger(plant)).totals.in_flight == 0


def test_every_acknowledged_event_is_stored_once_though_the_sink_is_killed(built: Plant) -> None:
    dice = random.Random(20261122)
    sender = Sender(built.bus, rate=RATE)
    sender.start()
    try:
        for _ in range(ROUNDS):
            built.sinks.start()
            until(partial(has_grown, built, len(asyncio.run(stored(built)))), "it stores")
            sender.join(dice.uniform(0.0, 0.5))  # anywhere in the sink's cycle
            built.sinks.kill()
    finally:
        sender.finish()
    built.sinks.start()
    until(lambda: is_quiet(built), "nothing is in flight", seconds=120)

    found = asyncio.run(stored(built))
    ledger = asyncio.run(the_ledger(built))
    assert {id for id, count in found.items() if count > 1} == set()
    assert sender.acknowledged - found.keys() == set()
    assert len(sender.acknowledged) > RATE
    assert ledger.problems == ()
    assert ledger.totals.received == ledger.totals.stored == sum(found.values())


def test_with_the_store_down_alerts_flow_on_and_nothing_is_lost(built: Plant) -> None:
    built.sinks.start()
    asyncio.run(publish(built.bus, *(outgoing(number) for number in range(500))))
    until(lambda: is_quiet(built), "the first events are stored")
    built.store.kill()

    asyncio.run(publish(built.bus, *(outgoing(number) for number in range(500, 3_000))))
    asyncio.run(
        publish(
            built.bus,
            OutgoingRecord(topic=ALERTS, value=encode_alert(alert(1, observed=datetime.now(UTC)))),
        )
    )
    until(lambda: committed(built, GROUP) == 1, "the webhook sink has handled the alert")
    built.store.start()
    until(lambda: is_quiet(built), "everything is stored")

    found = asyncio.run(stored(built))
    assert found == Counter({event(number).id: 1 for number in range(3_000)})
    assert asyncio.run(number_of(built.store.settings, "SELECT count() FROM alerts FINAL")) == 1
    assert asyncio.run(the_ledger(built)).problems == ()


def committed(plant: Plant, group: str) -> int:
    found = asyncio.run(Admin(plant.bus).committed(group))
    return sum(at.offset for at in found.values())


def test_what_cannot_be_read_is_parked_once_and_blocks_nobody(built: Plant) -> None:
    garbage = OutgoingRecord(topic=EVENTS_LOG, key=b"syslog:evil", value=b"\x00\xffgarbage")
    asyncio.run(publish(built.bus, outgoing(0), garbage, outgoing(1), garbage))

    built.sinks.start()
    until(lambda: is_quiet(built), "everything is handled")
    built.sinks.kill()  # parked records are not parked again
    built.sinks.start()
    until(lambda: is_quiet(built), "everything is handled")

    ledger = asyncio.run(the_ledger(built))
    assert ledger.problems == ()
    assert (ledger.totals.received, ledger.totals.stored) == (4, 2)
    assert ledger.totals.dead_lettered == 2
    sql = "SELECT count() FROM dead_letters FINAL WHERE reason = 'undecodable'"
    assert asyncio.run(number_of(built.store.settings, sql)) == 2
    delete = "ALTER TABLE dead_letters DELETE WHERE origin_offset = 1 SETTINGS mutations_sync = 2"
    asyncio.run(run_command(built.store.settings, delete))
    [problem] = asyncio.run(the_ledger(built)).problems
    assert problem == "undecodable: 2 records were dead-lettered, and of 1 there is a dead letter"


def test_two_sinks_share_the_partitions_and_store_everything_once(built: Plant) -> None:
    second = built.more_sinks()
    sender = Sender(built.bus, rate=2_000)
    sender.start()
    try:
        built.sinks.start()
        until(partial(has_grown, built, 0), "it stores")
        second.start()
        after = len(sender.acknowledged) + 2_000
        until(lambda: len(sender.acknowledged) > after, "both work")
        assert built.sinks.stop() == 0  # in order: its partitions go over to the other
    finally:
        sender.finish()
    try:
        until(lambda: is_quiet(built), "nothing is in flight", seconds=120)
    finally:
        second.stop()

    found = asyncio.run(stored(built))
    assert found == Counter(dict.fromkeys(sender.acknowledged, 1))
    assert asyncio.run(the_ledger(built)).problems == ()


def test_a_sink_that_was_stopped_too_long_gives_way_and_doubles_nothing(built: Plant) -> None:
    second = built.more_sinks()
    sender = Sender(built.bus, rate=2_000)
    sender.start()
    try:
        built.sinks.start()
        until(partial(has_grown, built, 0), "it stores")
        built.sinks.send(signal.SIGSTOP)  # in the middle of whatever it does
        second.start()
        before = len(asyncio.run(stored(built)))
        until(
            partial(has_grown, built, before + 2_000),
            "the other took over",
        )
        built.sinks.send(signal.SIGCONT)
        after = len(sender.acknowledged) + 2_000
        until(lambda: len(sender.acknowledged) > after, "both work")
    finally:
        sender.finish()
    try:
        until(lambda: is_quiet(built), "nothing is in flight", seconds=120)
    finally:
        second.stop()

    found = asyncio.run(stored(built))
    assert found == Counter(dict.fromkeys(sender.acknowledged, 1))
    assert asyncio.run(the_ledger(built)).problems == ()
