"""The log from a shell says the same of every cluster."""

import io
import json
from collections.abc import Awaitable, Callable

import pytest

from appliance import log_shell
from appliance.log_shell import LogShellError, ResetTo
from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Consumer
from pipeline.bus.position import Committed, TopicPartition
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
            lambda out: log_shell.reset_group(admin, group, topic, to, out, dry_run=dry_run)
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


async def test_what_does_not_exist_is_said(bus: BusSettings) -> None:
    admin, out = Admin(bus), io.StringIO()
    topic = await fresh_topic(bus, partitions=1)

    with pytest.raises(LogShellError, match="no group 'nobody'"):
        await log_shell.describe_group(admin, "nobody", out)
    with pytest.raises(LogShellError, match="no group 'nobody'"):
        await log_shell.reset_group(admin, "nobody", topic, 0, out, dry_run=True)
    with pytest.raises(LogShellError, match="no topic 'nothing'"):
        await log_shell.describe_topic(admin, "nothing", out)
