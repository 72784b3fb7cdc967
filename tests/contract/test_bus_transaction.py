"""What records and offsets in one transaction promise on every cluster."""

import pytest

from pipeline.bus.consumer import Committed, Consumer, TopicPartition
from pipeline.bus.producer import OutgoingRecord
from pipeline.bus.transaction import Transactions
from pipeline.errors import PipelineError
from pipeline.settings import BusSettings
from tests.support.broker import fresh_topic, published, read_until


async def test_records_and_offset_are_in_the_log_together(bus: BusSettings) -> None:
    source, target = await fresh_topic(bus, partitions=1), await fresh_topic(bus, partitions=2)
    await published(bus, source, 10)
    at = TopicPartition(source, 0)

    async with (
        Consumer(bus, group=f"g.{source}", topics=[source], client_id="test") as consumer,
        Transactions(bus, transactional_id=f"t.{source}", client_id="test") as transactions,
    ):
        await read_until(consumer, 10)
        for offset in (4, 10):
            records = [
                OutgoingRecord(topic=target, value=b"%d" % offset, partition=partition)
                for partition in (0, 1)
            ]
            await transactions.write(records, {at: Committed(offset)}, consumer)
        assert await consumer.committed([at]) == {at: Committed(10)}
    async with Consumer(bus, group=f"g.{target}", topics=[target], client_id="test") as consumer:
        found = await read_until(consumer, 4)

    assert sorted((one.partition, one.value) for one in found) == [
        (0, b"10"),
        (0, b"4"),
        (1, b"10"),
        (1, b"4"),
    ]


async def test_who_opens_an_id_anew_fences_whoever_had_it(bus: BusSettings) -> None:
    source, target = await fresh_topic(bus, partitions=1), await fresh_topic(bus, partitions=1)
    await published(bus, source, 10)
    at = TopicPartition(source, 0)

    def record(value: bytes) -> OutgoingRecord:
        return OutgoingRecord(topic=target, value=value)

    async with Consumer(bus, group=f"g.{source}", topics=[source], client_id="test") as consumer:
        await read_until(consumer, 10)
        async with Transactions(bus, transactional_id=f"t.{source}", client_id="old") as old:
            await old.write([record(b"before")], {at: Committed(1)}, consumer)
            async with Transactions(bus, transactional_id=f"t.{source}", client_id="new") as new:
                with pytest.raises(PipelineError):
                    await old.write([record(b"zombie")], {at: Committed(2)}, consumer)
                await new.write([record(b"after")], {at: Committed(3)}, consumer)
        assert await consumer.committed([at]) == {at: Committed(3)}
    async with Consumer(bus, group=f"g.{target}", topics=[target], client_id="test") as consumer:
        found = await read_until(consumer, 2)

    assert [one.value for one in found] == [b"before", b"after"]


async def test_a_record_that_is_refused_takes_everything_with_it(bus: BusSettings) -> None:
    source = await fresh_topic(bus, partitions=1)
    await published(bus, source, 10)
    at = TopicPartition(source, 0)

    async with Consumer(bus, group=f"g.{source}", topics=[source], client_id="test") as consumer:
        await read_until(consumer, 10)
        async with Transactions(bus, transactional_id=f"t.{source}", client_id="test") as first:
            nowhere = OutgoingRecord(topic=source, value=b"x", partition=77)
            with pytest.raises(PipelineError):
                await first.write([nowhere], {at: Committed(5)}, consumer)
        async with Transactions(bus, transactional_id=f"t.{source}", client_id="test"):
            assert await consumer.committed([at]) == {at: None}
