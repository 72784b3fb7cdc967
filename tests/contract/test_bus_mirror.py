"""A log that moves to another cluster keeps offsets, groups and configuration; on every target."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.bus.admin import Admin
from pipeline.bus.mirror import Mirror
from pipeline.bus.position import Committed, OffsetRange, TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.errors import BusRefused
from pipeline.schema.topics import DAY_MS, Topic
from pipeline.settings import BusSettings
from tests.support.broker import everything, fresh_topic, published
from tests.support.standalone_broker import StandaloneBroker


@pytest.fixture
def source(tmp_path: Path) -> Iterator[BusSettings]:
    """A broker of ours that holds nothing but what the test put there."""
    with StandaloneBroker(tmp_path / "source") as broker:
        yield BusSettings(url=f"kafka://{broker.address}")


async def run(source: BusSettings, target: BusSettings) -> list[str]:
    said: list[str] = []
    await Mirror(source, target, said.append).run()
    return said


async def test_every_record_keeps_its_offset_and_every_group_its_place(
    source: BusSettings, bus: BusSettings
) -> None:
    topic = await fresh_topic(source, partitions=2)
    await published(source, topic, 200)
    kept, trimmed = (TopicPartition(topic, number) for number in (0, 1))
    await Admin(source).delete_records(trimmed, 20)
    committed = {kept: Committed(7, "1 7-9 records=3 begun=1"), trimmed: Committed(33)}
    await Admin(source).commit(f"g.{topic}", committed)

    said = await run(source, bus)

    records = await everything(source, topic)
    assert await everything(bus, topic) == records
    assert said == [f"{topic}: {len(records)} records"]
    held = await Admin(bus).offsets([topic])
    assert held == await Admin(source).offsets([topic])
    assert held[trimmed].start == 20
    assert await Admin(bus).committed(f"g.{topic}") == committed
    configs = [await Admin(of).topic_configs([topic]) for of in (source, bus)]
    assert configs[0] == configs[1]


async def test_how_many_copies_must_have_a_record_is_up_to_the_target(
    source: BusSettings, bus: BusSettings
) -> None:
    topic = await fresh_topic(source.model_copy(update={"min_insync_replicas": 2}))
    assert "min.insync.replicas" in (await Admin(source).topic_configs([topic]))[topic]

    await run(source, bus)

    assert "min.insync.replicas" not in (await Admin(bus).topic_configs([topic]))[topic]


async def test_a_second_run_goes_on_where_the_first_one_ended(
    source: BusSettings, bus: BusSettings
) -> None:
    topic = await fresh_topic(source, partitions=1)
    await published(source, topic, 50)
    await run(source, bus)
    await published(source, topic, 50)

    said = await run(source, bus)

    assert said == [f"{topic}: 50 records"]
    assert await everything(bus, topic) == await everything(source, topic)


async def test_a_target_that_has_records_of_its_own_is_refused(
    source: BusSettings, bus: BusSettings
) -> None:
    topic = await fresh_topic(source, partitions=1)
    await published(source, topic, 5)
    await run(source, bus)
    await published(bus, topic, 1)

    with pytest.raises(BusRefused, match="ends at 6 there, 5 here"):
        await run(source, bus)


async def test_the_last_record_of_each_key_arrives_of_a_compacted_topic(
    source: BusSettings, bus: BusSettings
) -> None:
    name = (await fresh_topic(source)) + ".compacted"
    topic = Topic(name=name, partitions=1, retention_ms=DAY_MS, key="a key", compacted=True)
    await Admin(source).ensure_topics([topic])
    async with Producer(source, client_id="test") as producer:
        for value in (b"old", b"new"):
            await producer.publish([OutgoingRecord(topic=name, key=b"k", value=value)])

    await run(source, bus)
    await run(source, bus)

    assert (await everything(bus, name))[-1].value == b"new"
    held = await Admin(bus).offsets([name])
    assert held != {TopicPartition(name, 0): OffsetRange(0, 0)}
