"""Clients that share no code with librdkafka's bindings: aiokafka (pure Python) and kcat."""

import asyncio
import subprocess
from collections.abc import Iterator

import pytest
from aiokafka import (  # type: ignore[import-untyped]
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]

from tests.support.standalone_broker import StandaloneBroker

SECONDS = 60


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


async def make_topic(broker: StandaloneBroker, name: str, partitions: int = 2) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()


async def gather(consumer: AIOKafkaConsumer, count: int) -> list[ConsumerRecord]:
    async with asyncio.timeout(SECONDS):
        return [await consumer.getone() for _ in range(count)]


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_aiokafka_reads_what_it_wrote(
    broker: StandaloneBroker, compression: str | None
) -> None:
    topic = f"raw.aiokafka-{compression}"
    await make_topic(broker, topic)
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.address, enable_idempotence=True, compression_type=compression
    )
    async with producer:
        sent = [
            await producer.send(topic, b"%d" % number * 50, key=b"%d" % (number % 5))
            for number in range(200)
        ]
        places = [await future for future in sent]
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.address, auto_offset_reset="earliest"
    )
    async with consumer:
        read = await gather(consumer, 200)

    assert {(place.partition, place.offset) for place in places} == {
        (record.partition, record.offset) for record in read
    }
    assert sorted(record.value or b"" for record in read) == sorted(
        b"%d" % number * 50 for number in range(200)
    )


async def test_aiokafkas_group_shares_commits_and_resumes(broker: StandaloneBroker) -> None:
    topic = "raw.aiokafka-group"
    await make_topic(broker, topic)
    async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
        for number in range(20):
            await producer.send_and_wait(topic, b"%d" % number, partition=number % 2)

    def member() -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            topic,
            bootstrap_servers=broker.address,
            group_id="aiokafka",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=200,
            session_timeout_ms=45_000,
        )

    async with member() as first:
        read = await gather(first, 10)
        await first.commit()
        position = {
            TopicPartition(topic, number): await first.committed(TopicPartition(topic, number))
            for number in range(2)
        }
    async with member() as first, member() as second:
        async with asyncio.timeout(SECONDS):
            while {len(first.assignment()), len(second.assignment())} != {1}:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            rest = [
                record
                for batch in await asyncio.gather(
                    *(gather(each, 10 - _committed(each, position)) for each in (first, second))
                )
                for record in batch
            ]

    values = sorted(int(record.value or b"-1") for record in [*read, *rest])
    assert values == list(range(20))


def _committed(consumer: AIOKafkaConsumer, position: dict[TopicPartition, int | None]) -> int:
    return sum(position[partition] or 0 for partition in consumer.assignment())


def kcat(*arguments: str, stdin: str = "") -> str:
    finished = subprocess.run(
        ["kcat", *arguments], input=stdin, capture_output=True, text=True, timeout=SECONDS
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.peer("kcat")
def test_kcat_lists_writes_reads_and_asks_by_time(broker: StandaloneBroker) -> None:
    topic = "raw.kcat"
    lines = "".join(f"{number}:line {number}\n" for number in range(100))

    kcat("-b", broker.address, "-P", "-t", topic, "-K:", "-z", "lz4", stdin=lines)
    read = kcat("-b", broker.address, "-C", "-t", topic, "-e", "-q", "-f", "%k:%s\n")
    listed = kcat("-b", broker.address, "-L", "-t", topic)
    asked = kcat("-b", broker.address, "-Q", "-t", f"{topic}:0:-1")

    assert sorted(read.splitlines()) == sorted(lines.splitlines())
    assert f'topic "{topic}" with 4 partitions' in listed
    assert asked.startswith(f"{topic} [0] offset ")


@pytest.mark.peer("kcat")
def test_kcat_reads_as_a_group_member_from_where_it_stopped(broker: StandaloneBroker) -> None:
    topic = "raw.kcat-group"
    kcat("-b", broker.address, "-P", "-t", topic, stdin="a\nb\nc\n")
    member = ("-b", broker.address, "-X", "auto.offset.reset=earliest", "-q", "-e", "-G", "kcat")

    first = kcat(*member, topic)
    kcat("-b", broker.address, "-P", "-t", topic, stdin="d\n")
    second = kcat(*member, topic)

    assert sorted(first.split()) == ["a", "b", "c"]
    assert second.split() == ["d"]
