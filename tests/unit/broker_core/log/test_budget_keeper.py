"""The disk budget kept on real logs."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from broker_core.errors import StorageError
from broker_core.log.budget_keeper import BudgetKeeper
from broker_core.log.cleaner import LogCleaner
from broker_core.log.disk_budget import Progress
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from tests.support.partition import TurnedClock, batch, open_directory

SMALL = {"segment.bytes": "1024"}


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[LogDirectory]:
    opened = open_directory(tmp_path)
    yield opened
    opened.let_go()


@pytest.fixture
async def commit(logs: LogDirectory) -> AsyncIterator[GroupCommit]:
    made = GroupCommit(logs.fault)
    yield made
    await made.close()


class Readers:
    """Protected groups, as a test says; None for "not known here"."""

    def __init__(self) -> None:
        self.progress: list[Progress] | None = []

    def keeper(self, logs: LogDirectory, commit: GroupCommit, budget_bytes: int) -> BudgetKeeper:
        return BudgetKeeper(
            logs,
            LogCleaner(logs, commit, TurnedClock()),
            budget_bytes=budget_bytes,
            progress=lambda: self.progress,
        )


async def filled(logs: LogDirectory, commit: GroupCommit, name: str) -> PartitionLog:
    """A topic of about 9 KB in segments of 1 KB."""
    if name not in logs.topics():
        logs.create_topic(name, 1, SMALL)
    log = logs.get(name, 0)
    assert log is not None
    for _ in range(30):
        log.append(batch(bytes(230)))
        await commit.flush(log)
    return log


async def test_a_directory_over_its_budget_loses_its_oldest_segments(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    log = await filled(logs, commit, "events")

    await Readers().keeper(logs, commit, 5000).look()

    assert 3000 < log.bytes <= 5000
    assert log.log_start_offset > 0
    assert sum(path.stat().st_size for path in log.directory.glob("*.log")) == log.bytes
    logs.fault.check_budget()


async def test_producing_is_refused_while_unread_records_fill_the_budget_and_taken_up_after(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    log = await filled(logs, commit, "events")
    readers = Readers()
    readers.progress = [Progress(committed={}, topics=frozenset({"events"}))]
    keeper = readers.keeper(logs, commit, 5000)

    await keeper.look()
    assert log.log_start_offset == 0
    assert logs.fault.shortage is not None
    with pytest.raises(StorageError, match="disk budget of 5000 bytes"):
        logs.fault.check_budget()
    readers.progress = [Progress(committed={("events", 0): 29}, topics=frozenset())]
    await keeper.look()

    assert 0 < log.log_start_offset <= 29
    assert log.bytes <= 5000
    logs.fault.check_budget()


async def test_a_written_segment_that_is_read_gives_way_when_nothing_else_can(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    logs.create_topic("events", 1, {})
    log = await filled(logs, commit, "events")
    keeper = Readers().keeper(logs, commit, 5000)

    await keeper.look()
    assert logs.fault.shortage is not None
    await keeper.look()

    assert log.bytes == 0
    assert log.log_start_offset == log.end_offset == 30
    assert logs.fault.shortage is None


@pytest.mark.parametrize("name", ["control", CONSUMER_OFFSETS])
async def test_compacted_and_internal_topics_never_go(
    logs: LogDirectory, commit: GroupCommit, name: str
) -> None:
    logs.create_topic(name, 1, {**SMALL, "cleanup.policy": "compact,delete"})
    log = logs.get(name, 0)
    assert log is not None
    for _ in range(10):
        log.append(batch(bytes(230), keys=[b"k"]))
        await commit.flush(log)

    await Readers().keeper(logs, commit, 100).look()

    assert log.log_start_offset == 0
    assert logs.fault.shortage is not None


async def test_where_the_readers_are_not_known_nothing_goes(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    log = await filled(logs, commit, "events")
    readers = Readers()
    readers.progress = None

    await readers.keeper(logs, commit, 5000).look()

    assert log.log_start_offset == 0
    assert logs.fault.shortage is not None


class Leaders:
    """Leaders of copies; they say yes or no as a test says."""

    def __init__(self) -> None:
        self.asked: dict[tuple[str, int], int] = {}
        self.agree = True

    async def move(self, starts: Mapping[tuple[str, int], int]) -> frozenset[tuple[str, int]]:
        self.asked = dict(starts)
        return frozenset(starts) if self.agree else frozenset()

    def keeper(self, logs: LogDirectory, commit: GroupCommit, budget_bytes: int) -> BudgetKeeper:
        return BudgetKeeper(
            logs,
            LogCleaner(logs, commit, TurnedClock()),
            budget_bytes=budget_bytes,
            progress=lambda: [],
            move_starts=self.move,
        )


async def test_a_copy_is_not_shrunk_but_its_leader_asked_to(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    log = await filled(logs, commit, "events")
    log.is_copy = True
    leaders = Leaders()
    keeper = leaders.keeper(logs, commit, 5000)

    await keeper.look()

    assert log.log_start_offset == 0
    start = leaders.asked["events", 0]
    assert start > 0
    logs.fault.check_budget()  # there will be room
    log.truncate_before(start)  # as the leader says
    await keeper.look()
    assert log.bytes <= 5000
    assert log.segments[0].base_offset == start


async def test_producing_is_refused_while_a_copy_has_no_room_and_its_leader_keeps_its_log(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    log = await filled(logs, commit, "events")
    log.is_copy = True
    leaders = Leaders()
    leaders.agree = False

    await leaders.keeper(logs, commit, 5000).look()

    with pytest.raises(StorageError, match="disk budget"):
        logs.fault.check_budget()


async def test_a_copy_of_which_nothing_can_be_read_takes_no_room(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    """Not even the segment that is written to, which its leader has sealed and removed."""
    log = await filled(logs, commit, "events")
    log.is_copy = True
    leaders = Leaders()
    keeper = leaders.keeper(logs, commit, 10)
    await keeper.look()
    await keeper.look()
    assert leaders.asked["events", 0] == log.end_offset

    log.truncate_before(log.end_offset)
    await keeper.look()

    assert log.bytes == 0
    assert log.log_start_offset == log.end_offset == 30
