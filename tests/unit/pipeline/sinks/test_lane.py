import asyncio
from collections.abc import Mapping

import pytest

from pipeline.bus.position import Committed, TopicPartition
from pipeline.errors import PartitionLost, StoreUnavailable
from pipeline.sinks.buffer import Batch, Limits
from pipeline.sinks.intent import Intent
from pipeline.sinks.lane import Lane
from tests.support.records import record

AT = TopicPartition("events.log", 0)
LIMITS = Limits(rows=5, size_bytes=1 << 20, age_seconds=0.0)
Step = tuple[str, int, int, bool | str]


class World:
    """A sink and a group in one, which write down what they are asked for."""

    def __init__(self, committed: Committed | None = None, *, now_ms: int = 1_000_000) -> None:
        self.steps: list[Step] = []
        self.failures: list[Exception] = []
        self.commit_failures: list[Exception] = []
        self.now_ms = now_ms
        self.writing = asyncio.Event()
        self.hold: asyncio.Event | None = None
        self.lane = Lane(
            AT,
            committed,
            sink=self,
            commit=self.commit,
            limits=LIMITS,
            permits=asyncio.Semaphore(1),
            clock_ms=lambda: self.now_ms,
        )

    async def write(self, batch: Batch, *, is_trusted: bool) -> None:
        self.steps.append(("write", batch.first, batch.last, is_trusted))
        self.writing.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.failures:
            raise self.failures.pop(0)

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        [committed] = offsets.values()
        if self.commit_failures:
            raise self.commit_failures.pop(0)
        self.steps.append(("commit", committed.offset, -1, committed.metadata))

    async def read(self, *offsets: int) -> None:
        self.lane.buffer.add([record(offset) for offset in offsets], now=0.0)
        self.lane.wake(0.0)
        await asyncio.gather(*(task for task in asyncio.all_tasks() if "lane" in task.get_name()))


def intent(first: int, last: int, *, begun_ms: int = 1_000_000) -> str:
    return Intent(first=first, last=last, records=last - first + 1, begun_ms=begun_ms).metadata()


async def test_the_range_is_announced_before_and_passed_after_it_is_written() -> None:
    world = World()

    await world.read(7, 8, 9)

    assert world.steps == [
        ("commit", 7, -1, intent(7, 9)),
        ("write", 7, 9, True),
        ("commit", 10, -1, ""),
    ]


async def test_one_commit_ends_a_range_and_announces_the_next() -> None:
    world = World()

    await world.read(*range(8))

    assert world.steps == [
        ("commit", 0, -1, intent(0, 4)),
        ("write", 0, 4, True),
        ("commit", 5, -1, intent(5, 7)),
        ("write", 5, 7, True),
        ("commit", 8, -1, ""),
    ]


async def test_the_range_of_a_former_owner_is_repeated_first_and_exactly() -> None:
    world = World(Committed(3, intent(3, 9)))

    await world.read(*range(3, 12))

    assert world.steps == [
        ("write", 3, 9, True),  # announced already
        ("commit", 10, -1, intent(10, 11)),
        ("write", 10, 11, True),
        ("commit", 12, -1, ""),
    ]


async def test_an_old_range_is_repeated_without_trusting_its_token() -> None:
    world = World(Committed(3, intent(3, 4, begun_ms=1)))

    await world.read(3, 4)

    assert world.steps[0] == ("write", 3, 4, False)


async def test_a_range_that_reads_otherwise_than_announced_is_not_trusted() -> None:
    world = World(Committed(3, intent(3, 6)))

    await world.read(3, 6)  # two of its four records are gone from the log

    assert world.steps[0] == ("write", 3, 6, False)


async def test_a_failed_write_is_tried_again_as_the_same_range() -> None:
    world = World()
    world.failures = [StoreUnavailable("down"), StoreUnavailable("down")]

    await world.read(7, 8)

    assert [step for step in world.steps if step[0] == "write"] == [("write", 7, 8, True)] * 3
    assert world.steps[-1] == ("commit", 9, -1, "")


async def test_a_late_attempt_asks_the_group_whether_the_partition_is_still_ours() -> None:
    world = World()

    class Stopped(StoreUnavailable):
        """The process was stopped here for a while."""

        def __init__(self) -> None:
            super().__init__("stopped")
            world.now_ms += 20_000
            world.commit_failures = [PartitionLost("another member's")]

    def fail() -> Exception:
        return Stopped()

    original = world.write

    async def write(batch: Batch, *, is_trusted: bool) -> None:
        await original(batch, is_trusted=is_trusted)
        raise fail()

    world.write = write  # type: ignore[method-assign]
    with pytest.raises(PartitionLost):
        await world.read(7, 8)

    assert world.steps == [("commit", 7, -1, intent(7, 8)), ("write", 7, 8, True)]


async def test_a_lost_partition_ends_the_lane_and_the_loop_hears_of_it() -> None:
    world = World()
    world.commit_failures = [PartitionLost("another member's")]

    with pytest.raises(PartitionLost):
        await world.read(7, 8)

    assert world.steps == []
    with pytest.raises(PartitionLost):
        world.lane.wake(0.0)


async def test_nothing_is_committed_after_a_stop() -> None:
    world = World()
    world.hold = asyncio.Event()
    world.lane.buffer.add([record(7)], now=0.0)
    world.lane.wake(0.0)
    await world.writing.wait()

    await world.lane.stop()  # gives up on the write after its grace
    world.hold.set()
    await asyncio.sleep(0)

    assert [step[0] for step in world.steps] == ["commit", "write"]
