"""The log from a shell says the same of every cluster."""

import io
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from appliance import log_shell
from appliance.log_shell import LogShellError, ResetTo
from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Consumer
from pipeline.bus.position import Committed, TopicPartition
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.settings import BusSettings
from tests.support.broker import fresh_topic, published, read_until


async def said(work: Callable[[io.StringIO], Awaitable[None]]) -> list[list[str]]:
    """What a command writes, as words of lines."""
    out = io.StringIO()
    await work(out)
    return [line.split() for line in out.getvalue().splitlines()]


async def test_a_topic_is_listed_and_described(bus: BusSettings) -> None:
    admin = Admin(bus)
    topic = await fresh_topic(bus, partitions=2)
    await published(bus, topic, 10)

    listed = await said(lambda out: log_shell.list_topics(admin, out))
    described = await said(lambda out: log_shell.describe_topic(admin, topic, out))

    assert listed[0][:4] == ["TOPIC", "PARTITIONS", "COPIES", "RECORDS"]
    assert [topic, "2", "1", "10", "0", "0"] in listed
    assert ["cleanup.policy=delete"] in described
    header = described.index(["PARTITION", "LEADER", "REPLICAS", "IN-SYNC", "LOG-START", "END"])
    partitions = described[header + 1 :]
    assert [line[0] for line in partitions] == ["0", "1"]
    assert sum(int(line[5]) for line in partitions) == 10


async def test_the_tail_of_a_topic_is_json_lines(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    values = await published(bus, topic, 5)
    out = io.StringIO()

    await log_shell.tail(bus, topic, out, last=2, follow=False)

    records = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [record["offset"] for record in records] == [3, 4]
    assert [record["value"].encode() for record in records] == values[3:]
    assert records[0]["key"] == "key 3"


async def test_a_group_is_described_and_reset_only_without_members(bus: BusSettings) -> None:
    admin = Admin(bus)
    topic = await fresh_topic(bus, partitions=1)
    at, group = TopicPartition(topic, 0), f"g.{topic}"
    await published(bus, topic, 10)

    def reset(to: ResetTo | int, *, dry_run: bool = False) -> Awaitable[list[list[str]]]:
        return said(
            lambda out: log_shell.reset_group(admin, group, [topic], to, out, dry_run=dry_run)
        )

    async with Consumer(bus, group=group, topics=[topic], client_id="the-reader") as consumer:
        await read_until(consumer, 10)
        await consumer.commit({at: Committed(7)})
        described = await said(lambda out: log_shell.describe_group(admin, group, out))
        with pytest.raises(LogShellError, match="stop them first"):
            await reset(ResetTo.EARLIEST)
    planned = await reset(ResetTo.EARLIEST, dry_run=True)

    assert described[0] == ["state=STABLE", "members=1"]
    assert described[-1] == [topic, "0", "7", "0", "10", "3", "the-reader"]
    assert [topic, "0", "7", "0"] in planned
    assert (await admin.committed(group))[at].offset == 7
    assert [topic, "0", "7", "0"] in await reset(ResetTo.EARLIEST)
    assert [topic, "0", "0", "10"] in await reset(99)
    assert [topic, "0", "10", "10"] in await reset(ResetTo.LATEST)
    assert (await admin.committed(group))[at].offset == 10
    listed = await said(lambda out: log_shell.list_groups(admin, out))
    assert [group, "EMPTY", "0", "0"] in listed


async def sent_at(bus: BusSettings, topic: str, times: Sequence[datetime]) -> None:
    """Publish one record of each of these times."""
    async with Producer(bus, client_id="test") as producer:
        await producer.publish(
            [
                OutgoingRecord(topic=topic, value=b"x", timestamp_ms=round(each.timestamp() * 1000))
                for each in times
            ]
        )


async def test_a_group_goes_on_at_a_time_in_some_or_all_of_its_topics(bus: BusSettings) -> None:
    admin = Admin(bus)
    one, other = [await fresh_topic(bus, partitions=1) for _ in range(2)]
    idle = await fresh_topic(bus, partitions=1)
    group = f"g.{one}"
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    await sent_at(bus, one, [then + timedelta(hours=each) for each in (-2, -1, 0, 1)])
    await sent_at(bus, other, [then - timedelta(hours=2), then - timedelta(milliseconds=1)])
    await admin.commit(group, {TopicPartition(topic, 0): Committed(1) for topic in (one, other)})

    def reset(topics: list[str], to: datetime, *, dry_run: bool) -> Awaitable[list[list[str]]]:
        return said(
            lambda out: log_shell.reset_group(admin, group, topics, to, out, dry_run=dry_run)
        )

    planned = await reset([], then, dry_run=True)
    assert planned[1:3] == sorted([[one, "0", "1", "2"], [other, "0", "1", "2"]])
    assert (await admin.committed(group))[TopicPartition(one, 0)].offset == 1
    assert await reset([other, idle], then, dry_run=False) == [
        ["TOPIC", "PARTITION", "FROM", "TO"],
        *sorted([[other, "0", "1", "2"], [idle, "0", "-", "0"]]),
    ]
    await reset([], datetime(1960, 1, 1, tzinfo=UTC), dry_run=False)
    reached = {at.topic: to.offset for at, to in (await admin.committed(group)).items()}
    assert reached == {one: 0, other: 0, idle: 0}


async def test_a_group_that_has_committed_nothing_is_told_to_name_topics(bus: BusSettings) -> None:
    admin, out = Admin(bus), io.StringIO()
    topic = await fresh_topic(bus, partitions=1)

    async with Consumer(bus, group=f"g.{topic}", topics=[topic], client_id="r") as consumer:
        await published(bus, topic, 1)
        await read_until(consumer, 1)
        with pytest.raises(LogShellError, match="name its topics"):
            await log_shell.reset_group(admin, f"g.{topic}", [], ResetTo.LATEST, out, dry_run=True)


async def test_what_does_not_exist_is_said(bus: BusSettings) -> None:
    admin, out = Admin(bus), io.StringIO()
    topic = await fresh_topic(bus, partitions=1)

    with pytest.raises(LogShellError, match="no group 'nobody'"):
        await log_shell.describe_group(admin, "nobody", out)
    with pytest.raises(LogShellError, match="no group 'nobody'"):
        await log_shell.reset_group(admin, "nobody", [topic], 0, out, dry_run=True)
    with pytest.raises(LogShellError, match="no topic 'nothing'"):
        await log_shell.reset_group(admin, "nobody", [topic, "nothing"], 0, out, dry_run=True)
    with pytest.raises(LogShellError, match="no topic 'nothing'"):
        await log_shell.describe_topic(admin, "nothing", out)
