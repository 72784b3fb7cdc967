"""The loop between a real broker and a sink that can be held up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pipeline.bus.admin import Admin
from pipeline.bus.position import Committed, TopicPartition
from pipeline.errors import StoreUnavailable
from pipeline.settings import BusSettings
from pipeline.sinks.buffer import Batch, Limits
from pipeline.sinks.sink_loop import SinkLoop
from tests.support.broker import fresh_topic, published
from tests.support.standalone_broker import StandaloneBroker

LIMITS = Limits(rows=100, size_bytes=1 << 20, age_seconds=0.05)
pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusSettings]:
    with StandaloneBroker(Path(tmp_path_factory.mktemp("broker"))) as broker:
        yield BusSettings(url=f"kafka://{broker.address}")


class Held:
    """A sink that waits while it is held, and can be told to fail."""

    def __init__(self) -> None:
        self.written: list[Batch] = []
        self.failures = 0
        self.is_waiting = False
        self.go = asyncio.Event()
        self.go.set()
        self._grown = asyncio.Condition()

    async def write(self, batch: Batch, *, is_trusted: bool) -> None:
        self.is_waiting = not self.go.is_set()
        await self.go.wait()
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("down")
        self.written.append(batch)
        async with self._grown:
            self._grown.notify_all()

    def offsets(self, partition: int) -> list[int]:
        return [
            record.offset
            for batch in self.written
            if batch.partition.partition == partition
            for record in batch.records
        ]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60), self._grown:
            await self._grown.wait_for(
                lambda: sum(len(batch.records) for batch in self.written) >= count
            )


@asynccontextmanager
async def running(bus: BusSettings, topic: str, sink: Held) -> AsyncIterator[SinkLoop]:
    loop = SinkLoop(bus, group=f"g.{topic}", topics=[topic], sink=sink, limits=LIMITS)
    ready = asyncio.Event()
    task = asyncio.create_task(loop.run(ready=ready.set))
    try:
        await ready.wait()
        yield loop
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 # nothing tells of it
            await asyncio.sleep(0.01)


async def committed(bus: BusSettings, topic: str) -> dict[TopicPartition, Committed]:
    return await Admin(bus).committed(f"g.{topic}")


async def test_every_record_is_written_in_order_and_then_committed(bus: BusSettings) -> None:
    topic, sink = await fresh_topic(bus, partitions=3), Held()
    await published(bus, topic, 1_000)

    async with running(bus, topic, sink):
        await sink.until(1_000)

    ends = await Admin(bus).offsets([topic])
    for at, span in ends.items():
        assert sink.offsets(at.partition) == list(range(span.end))
    assert all(len(batch.records) <= LIMITS.rows for batch in sink.written)
    assert await committed(bus, topic) == {
        at: Committed(span.end) for at, span in ends.items() if span.end
    }


async def test_a_sink_that_is_held_up_stops_the_reading_and_loses_nothing(
    bus: BusSettings,
) -> None:
    topic, sink = await fresh_topic(bus, partitions=1), Held()
    sink.go.clear()
    await published(bus, topic, 30_000)

    async with running(bus, topic, sink) as loop:
        await eventually(lambda: any(lane.buffer.is_full for lane in loop._lanes.values()))
        [held] = [len(lane.buffer) for lane in loop._lanes.values()]
        sink.go.set()
        await sink.until(30_000)

    assert held < 30_000  # the rest stayed in the log
    assert sink.offsets(0) == list(range(30_000))


async def test_what_fails_is_written_again_before_what_follows(bus: BusSettings) -> None:
    topic, sink = await fresh_topic(bus, partitions=1), Held()
    sink.failures = 3
    await published(bus, topic, 250)

    async with running(bus, topic, sink):
        await sink.until(250)

    assert sink.offsets(0) == list(range(250))


async def test_a_stop_in_the_middle_leaves_the_range_to_the_next_owner(bus: BusSettings) -> None:
    topic, sink = await fresh_topic(bus, partitions=1), Held()
    await published(bus, topic, 50)
    sink.go.clear()
    async with running(bus, topic, sink):
        await eventually(lambda: sink.is_waiting)

    [found] = (await committed(bus, topic)).values()
    assert found.offset == 0
    assert found.metadata.startswith("1 0-")
    sink.go.set()
    async with running(bus, topic, sink):
        await sink.until(50)
    assert sink.offsets(0) == list(range(50))
