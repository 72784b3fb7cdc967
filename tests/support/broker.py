"""Clusters for tests: one broker of ours for a session, fresh topics for each test."""

import asyncio
from itertools import count
from uuid import uuid4

from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Consumer, Record
from pipeline.bus.position import TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.schema.topics import DAY_MS, TOPICS, Topic
from pipeline.settings import BusSettings

_numbers = count()


async def fresh_topic(settings: BusSettings, *, partitions: int = 3) -> str:
    """A topic that no other test knows, led by somebody: Kafka lists it a moment earlier."""
    name = f"test.{next(_numbers)}.{uuid4().hex[:8]}"
    topic = Topic(name=name, partitions=partitions, retention_ms=DAY_MS, key="the test's")
    admin = Admin(settings)
    await admin.ensure_topics([topic])
    async with asyncio.timeout(30):
        while len(await admin.offsets([name])) < partitions:
            pass
    return name


async def product_topics(settings: BusSettings) -> None:
    """The topics of the product, as a first run makes them."""
    await Admin(settings).ensure_topics(TOPICS)


async def published(settings: BusSettings, topic: str, count: int) -> list[bytes]:
    """Publish that many numbered records, keyed so that they spread; their values."""
    values = [b"value %d" % number for number in range(count)]
    async with Producer(settings, client_id="test") as producer:
        await producer.publish(
            [
                OutgoingRecord(topic=topic, key=b"key %d" % (number % 16), value=value)
                for number, value in enumerate(values)
            ]
        )
    return values


async def everything(settings: BusSettings, topic: str) -> list[Record]:
    """All records of a topic, in order of each partition."""
    admin = Admin(settings)
    records: list[Record] = []
    for at, span in sorted((await admin.offsets([topic])).items()):
        records += await admin.read(at, span.start, span.end - span.start)
    return records


async def read_until(consumer: Consumer, wanted: int, *, seconds: float = 60) -> list[Record]:
    """What a consumer gives, until it has given that many records."""
    records: list[Record] = []
    async with asyncio.timeout(seconds):
        while len(records) < wanted:
            records += await consumer.poll(max_records=1_000, timeout_seconds=0.2)
    return records


def spread(records: list[Record]) -> dict[TopicPartition, list[int]]:
    """The offsets of records by partition."""
    found: dict[TopicPartition, list[int]] = {}
    for record in records:
        at = TopicPartition(record.topic, record.partition)
        found.setdefault(at, []).append(record.offset)
    return found
