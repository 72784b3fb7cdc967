"""What reading without a group promises on every cluster."""

import asyncio

import pytest

from pipeline.bus.consumer import Record
from pipeline.bus.position import OffsetRange, TopicPartition
from pipeline.bus.reader import Reader
from pipeline.errors import BusUnavailable
from pipeline.settings import BusSettings
from tests.support.broker import fresh_topic, published


async def test_positions_reach_the_end_of_every_partition(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=3)
    await published(bus, topic, 100)

    async with Reader(bus, client_id="test") as reader:
        held = await reader.offsets(await reader.partitions(topic))
        await reader.assign(dict.fromkeys(held, 0))
        records: list[Record] = []
        async with asyncio.timeout(30):
            while any(reader.positions[at] < span.end for at, span in held.items()):
                records += await reader.poll(max_records=1_000, timeout_seconds=0.5)

    assert len(records) == 100
    assert reader.positions == {at: span.end for at, span in held.items()}


async def test_it_reads_on_from_where_it_is_told(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    at = TopicPartition(topic, 0)
    await published(bus, topic, 10)

    async with Reader(bus, client_id="test") as reader:
        assert await reader.offsets([at]) == {at: OffsetRange(0, 10)}
        await reader.assign({at: 7})
        records: list[Record] = []
        async with asyncio.timeout(30):
            while len(records) < 3:
                records += await reader.poll(max_records=1_000, timeout_seconds=0.5)

    assert [record.offset for record in records] == [7, 8, 9]


async def test_a_question_does_not_wait_for_a_poll(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    at = TopicPartition(topic, 0)

    async with Reader(bus, client_id="test") as reader:
        await reader.assign({at: 0})
        assert await reader.poll(max_records=1, timeout_seconds=20) == []  # that is its end
        polling = asyncio.create_task(reader.poll(max_records=1, timeout_seconds=20))
        async with asyncio.timeout(30):
            assert await reader.offsets([at]) == {at: OffsetRange(0, 0)}
        assert not polling.done()
        await published(bus, topic, 1)
        assert [record.offset for record in await polling] == [0]


async def test_a_topic_that_does_not_exist_has_no_partitions(bus: BusSettings) -> None:
    async with Reader(bus, client_id="test") as reader:
        assert await reader.partitions("no.such.topic") == []


async def test_a_closed_reader_says_so(bus: BusSettings) -> None:
    async with Reader(bus, client_id="test") as reader:
        pass

    with pytest.raises(BusUnavailable, match="closed"):
        await reader.poll(max_records=1, timeout_seconds=1)
