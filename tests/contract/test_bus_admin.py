"""What the admin side promises on every cluster."""

import asyncio
from uuid import uuid4

import pytest

from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Committed, Consumer, TopicPartition
from pipeline.bus.position import OffsetRange
from pipeline.errors import BusUnavailable
from pipeline.schema.topics import DAY_MS, Topic
from pipeline.settings import BusSettings
from tests.support.broker import fresh_topic, published, read_until


async def test_topics_are_made_once(bus: BusSettings) -> None:
    admin = Admin(bus)
    name = await fresh_topic(bus, partitions=2)
    again = Topic(name=name, partitions=5, retention_ms=DAY_MS, key="the test's")

    assert await admin.ensure_topics([again]) == []

    [found] = [topic for topic in await admin.topics() if topic.name == name]
    assert [partition.partition for partition in found.partitions] == [0, 1]


async def test_a_topic_says_how_many_copies_must_have_a_record(bus: BusSettings) -> None:
    admin = Admin(bus.model_copy(update={"replication_factor": 1, "min_insync_replicas": 1}))
    kept = Topic(name=f"kept.{uuid4()}", partitions=1, retention_ms=DAY_MS, key="the test's")

    await admin.ensure_topics([kept])

    assert (await admin.topic_configs([kept.name]))[kept.name]["min.insync.replicas"] == "1"
    plain = await fresh_topic(bus)
    assert "min.insync.replicas" not in (await admin.topic_configs([plain]))[plain]


async def test_a_deleted_topic_is_gone_and_deleting_it_again_is_fine(bus: BusSettings) -> None:
    admin = Admin(bus)
    name = await fresh_topic(bus)

    await admin.delete_topic(name)
    await admin.delete_topic(name)

    async def is_listed() -> bool:
        return name in {topic.name for topic in await admin.topics()}

    async with asyncio.timeout(30):
        while await is_listed():
            pass


async def test_offsets_lag_and_groups_agree_with_what_was_read(bus: BusSettings) -> None:
    admin = Admin(bus)
    topic = await fresh_topic(bus, partitions=1)
    at, group = TopicPartition(topic, 0), f"g.{topic}"
    await published(bus, topic, 10)

    async with Consumer(bus, group=group, topics=[topic], client_id="the reader") as consumer:
        await read_until(consumer, 10)
        await consumer.commit({at: Committed(7, "note")})
        [found] = [one for one in await admin.groups() if one.name == group]

    assert found.state == "STABLE"
    assert found.members == (("the reader", (at,)),)
    assert await admin.offsets([topic]) == {at: OffsetRange(0, 10)}
    assert await admin.committed(group) == {at: Committed(7, "note")}
    assert await admin.lag(group) == {at: 3}


async def test_a_topic_that_does_not_exist_has_no_offsets(bus: BusSettings) -> None:
    assert await Admin(bus).offsets(["no.such.topic"]) == {}


async def test_a_few_records_can_be_read_from_anywhere(bus: BusSettings) -> None:
    admin = Admin(bus)
    topic = await fresh_topic(bus, partitions=1)
    at = TopicPartition(topic, 0)
    await published(bus, topic, 10)

    assert [record.offset for record in await admin.read(at, 4, 3)] == [4, 5, 6]
    assert [record.offset for record in await admin.read(at, 8, 100)] == [8, 9]
    assert await admin.read(at, 10, 100) == []


async def test_every_cluster_has_an_id(bus: BusSettings) -> None:
    assert await Admin(bus).cluster_id()


async def test_a_cluster_that_cannot_be_reached_is_unavailable() -> None:
    admin = Admin(BusSettings(url="kafka://127.0.0.1:1"), call_seconds=0.5)

    with pytest.raises(BusUnavailable):
        await admin.topics()
