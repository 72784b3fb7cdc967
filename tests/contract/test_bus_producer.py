"""What a producer promises on every cluster."""

import asyncio
import random

import pytest

from pipeline.bus.producer import MAX_RECORD_BYTES, OutgoingRecord, Producer
from pipeline.errors import BusRefused, BusUnavailable
from pipeline.settings import BusSettings
from tests.support.broker import everything, fresh_topic


async def test_positions_say_where_each_record_lies(bus: BusSettings) -> None:
    topic = await fresh_topic(bus)
    outgoing = [
        OutgoingRecord(topic=topic, key=b"%d" % (number % 5), value=b"%d" % number)
        for number in range(500)
    ]

    async with Producer(bus, client_id="test") as producer:
        positions = await producer.publish(outgoing)

    stored = {(at.partition, at.offset): at.value for at in await everything(bus, topic)}
    assert [stored[at.partition, at.offset] for at in positions] == [at.value for at in outgoing]


async def test_equal_keys_keep_their_order(bus: BusSettings) -> None:
    topic = await fresh_topic(bus)

    async with Producer(bus, client_id="test") as producer:
        for start in range(0, 300, 100):
            await producer.publish(
                [
                    OutgoingRecord(topic=topic, key=b"same", value=b"%d" % number)
                    for number in range(start, start + 100)
                ]
            )

    records = await everything(bus, topic)
    assert len({record.partition for record in records}) == 1
    assert [record.value for record in records] == [b"%d" % number for number in range(300)]


async def test_a_record_arrives_with_all_its_parts(bus: BusSettings) -> None:
    topic = await fresh_topic(bus)
    outgoing = OutgoingRecord(
        topic=topic,
        value=b"\x00\xff",
        key=b"key",
        headers=(("schema", b"1"), ("schema", b"2"), ("empty", b"")),
        partition=2,
        timestamp_ms=1_700_000_000_123,
    )

    async with Producer(bus, client_id="test") as producer:
        await producer.publish([outgoing])

    [record] = await everything(bus, topic)
    assert (record.value, record.key, record.partition) == (b"\x00\xff", b"key", 2)
    assert record.headers == outgoing.headers
    assert record.timestamp_ms == outgoing.timestamp_ms


async def test_a_record_of_several_megabytes_arrives(bus: BusSettings) -> None:
    topic = await fresh_topic(bus)
    value = random.Random(1).randbytes(5 << 20)  # nothing that compression makes small

    async with Producer(bus, client_id="test") as producer:
        await producer.publish([OutgoingRecord(topic=topic, value=value)])

    [record] = await everything(bus, topic)
    assert record.value == value


async def test_a_refused_record_is_named_and_costs_no_other(bus: BusSettings) -> None:
    topic = await fresh_topic(bus)
    values = [b"a", b"b" * (MAX_RECORD_BYTES + 1), b"c"]

    async with Producer(bus, client_id="test") as producer:
        with pytest.raises(BusRefused) as refusal:
            await producer.publish(
                [OutgoingRecord(topic=topic, key=b"k", value=value) for value in values]
            )

    assert refusal.value.refused == (1,)
    assert [record.value for record in await everything(bus, topic)] == [b"a", b"c"]


async def test_a_topic_that_does_not_exist_is_refused(bus: BusSettings) -> None:
    async with Producer(bus, client_id="test") as producer:
        with pytest.raises(BusRefused):
            await producer.publish([OutgoingRecord(topic="no.such.topic", value=b"a")])


async def test_publishing_nothing_returns_at_once(bus: BusSettings) -> None:
    async with Producer(bus, client_id="test") as producer:
        assert await producer.publish([]) == []


async def test_more_records_than_the_queue_holds_wait_and_arrive(bus: BusSettings) -> None:
    topic = await fresh_topic(bus)
    count = 120_000  # the queue holds 100,000

    async with Producer(bus, client_id="test") as producer:
        positions = await producer.publish(
            [OutgoingRecord(topic=topic, value=b"v", partition=0) for _ in range(count)]
        )

    assert [at.offset for at in positions] == list(range(count))


async def test_many_calls_at_once_each_get_their_own_positions(bus: BusSettings) -> None:
    topic = await fresh_topic(bus)

    async with Producer(bus, client_id="test") as producer:
        answers = await asyncio.gather(
            *(
                producer.publish(
                    [OutgoingRecord(topic=topic, key=b"%d" % call, value=b"%d" % call)] * 3
                )
                for call in range(50)
            )
        )

    stored = {(at.partition, at.offset): at.value for at in await everything(bus, topic)}
    for call, positions in enumerate(answers):
        assert [stored[at.partition, at.offset] for at in positions] == [b"%d" % call] * 3


async def test_a_cluster_that_cannot_be_reached_is_unavailable() -> None:
    nobody = BusSettings(url="kafka://127.0.0.1:1")

    async with Producer(nobody, client_id="test", delivery_timeout_ms=500) as producer:
        with pytest.raises(BusUnavailable) as failed:
            await producer.publish([OutgoingRecord(topic="events.log", value=b"a")] * 2)

    assert sorted(failed.value.unacknowledged) == [0, 1]
