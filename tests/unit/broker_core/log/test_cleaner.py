"""The background task: retention and compaction done to real logs."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from broker_core.log import compaction
from broker_core.log.checkpoint import PartitionCheckpoint
from broker_core.log.cleaner import LogCleaner
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.log.transaction_index import AbortedTransaction
from tests.support.partition import (
    NOON_MS,
    TurnedClock,
    batch,
    open_directory,
    read_all,
    reopened,
    topic,
    values,
)

HOUR_MS = 3_600_000


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
async def logs(tmp_path: Path, clock: TurnedClock) -> AsyncIterator[LogDirectory]:
    opened = open_directory(tmp_path, clock, index_interval_bytes=200)
    yield opened
    opened.let_go()


@pytest.fixture
async def commit(logs: LogDirectory) -> AsyncIterator[GroupCommit]:
    made = GroupCommit(logs.fault)
    yield made
    await made.close()


@pytest.fixture
def cleaner(logs: LogDirectory, commit: GroupCommit, clock: TurnedClock) -> LogCleaner:
    return LogCleaner(logs, commit, clock)


async def fill(
    log: PartitionLog, commit: GroupCommit, segments: int, keys: list[bytes] | None = None
) -> None:
    """Add sealed segments of two records each."""
    for _ in range(segments):
        start = log.end_offset
        names = keys or [b"%d" % start, b"%d" % (start + 1)]
        log.append(batch(b"%d" % start, b"%d" % (start + 1), keys=names))
        log.roll()
    await commit.flush(log)


def written_at(log: PartitionLog, milliseconds: int) -> None:
    for segment in log.segments:
        os.utime(segment.path, ns=(milliseconds * 1_000_000,) * 2)


async def test_old_segments_go_and_their_files_too(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner, clock: TurnedClock
) -> None:
    log = topic(logs, {"retention.ms": str(HOUR_MS)})
    await fill(log, commit, 3)
    clock.turn(HOUR_MS + 1)
    log.append(batch(b"young", timestamps=[clock.now_ms()]))
    await commit.flush(log)

    await cleaner.clean_all()

    assert log.log_start_offset == 6
    assert values(log) == [b"young"]
    assert [path.name for path in log.directory.glob("*.log")] == [log.segments[-1].path.name]
    assert PartitionCheckpoint.read(log.directory) == PartitionCheckpoint(
        log_start_offset=6, recovery_point=6
    )


async def test_a_clock_in_the_future_cannot_keep_a_segment_for_ever(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner, clock: TurnedClock
) -> None:
    log = topic(logs, {"retention.ms": str(HOUR_MS)})
    log.append(batch(b"from the year 2100", timestamps=[4_102_444_800_000]))
    log.roll()
    await commit.flush(log)
    written_at(log, NOON_MS)
    clock.turn(HOUR_MS + 1)

    await cleaner.clean_all()

    assert log.log_start_offset == 1


async def test_a_quiet_topic_is_sealed_in_time_and_then_goes(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner, clock: TurnedClock
) -> None:
    log = topic(logs, {"retention.ms": str(HOUR_MS), "segment.ms": "1000"})
    log.append(batch(b"a"))
    await commit.flush(log)
    clock.turn(HOUR_MS + 1)

    await cleaner.clean_all()

    assert (log.log_start_offset, log.end_offset) == (1, 1)


async def test_a_log_larger_than_allowed_loses_its_oldest_segments(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner
) -> None:
    log = topic(logs)
    await fill(log, commit, 5)
    logs.alter_topic("events", {"retention.bytes": str(log.bytes // 2)})

    await cleaner.clean_all()

    assert log.log_start_offset == 6
    assert [record.offset for record in read_all(log)] == [6, 7, 8, 9]


async def test_deleted_records_take_their_files_with_them(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner
) -> None:
    log = topic(logs)
    await fill(log, commit, 3)
    log.truncate_before(5)

    await cleaner.clean_all()

    assert [segment.base_offset for segment in log.segments] == [4, 6]
    assert [record.offset for record in read_all(log)] == [5]


async def test_a_compacted_topic_keeps_the_last_of_each_key(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner, tmp_path: Path
) -> None:
    log = topic(logs, {"cleanup.policy": "compact"})
    await fill(log, commit, 10, keys=[b"a", b"b"])
    before = log.bytes

    await cleaner.clean_all()

    assert [(record.offset, record.key) for record in read_all(log)] == [(18, b"a"), (19, b"b")]
    assert log.bytes < before
    assert log.read(3, 1000), "a reader from before finds its way"
    logs.let_go()
    again = open_directory(tmp_path)
    assert [record.offset for record in read_all(reopened(again))] == [18, 19]
    again.let_go()


async def test_records_younger_than_the_compaction_lag_stay(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner, clock: TurnedClock
) -> None:
    lag = {"cleanup.policy": "compact", "min.compaction.lag.ms": str(HOUR_MS)}
    log = topic(logs, lag)
    for number in range(4):
        log.append(batch(b"%d" % number, keys=[b"k"]))
        await commit.flush(log)
        log.roll()
    await commit.flush(log)

    await cleaner.clean(log)
    young = values(log)
    clock.turn(HOUR_MS)
    await cleaner.clean(log)

    assert young == [b"0", b"1", b"2", b"3"]
    assert values(log) == [b"3"]


async def test_compaction_waits_until_it_is_worth_it(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner
) -> None:
    log = topic(logs, {"cleanup.policy": "compact"})
    await fill(log, commit, 10)
    await cleaner.clean_all()
    await fill(log, commit, 1)
    segments = log.segments

    await cleaner.clean_all()
    assert log.segments == segments

    await fill(log, commit, 12)
    await cleaner.clean_all()
    assert len(log.segments) < len(segments) + 12


@pytest.mark.parametrize(("ratio", "is_compacted"), [("0.01", True), ("0.5", False)])
async def test_a_topic_says_how_much_must_be_new_before_compaction(
    logs: LogDirectory,
    commit: GroupCommit,
    cleaner: LogCleaner,
    ratio: str,
    is_compacted: bool,
) -> None:
    log = topic(logs, {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": ratio})
    await fill(log, commit, 10)
    await cleaner.clean_all()
    await fill(log, commit, 2, keys=[b"0", b"0"])

    await cleaner.clean_all()

    assert values(log)[-1] == b"23"
    assert (b"20" not in values(log)) is is_compacted


async def test_a_compacted_topic_does_not_wait_for_more_than_its_lag(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner, clock: TurnedClock
) -> None:
    lag = {"cleanup.policy": "compact", "max.compaction.lag.ms": str(HOUR_MS)}
    log = topic(logs, lag)
    await fill(log, commit, 10)
    await cleaner.clean_all()
    for value in (b"old", b"new"):
        log.append(batch(value, keys=[b"0"], timestamps=[clock.now_ms()]))
    await commit.flush(log)

    await cleaner.clean_all()
    early = values(log)
    clock.turn(HOUR_MS)
    await cleaner.clean_all()

    assert early[-2:] == [b"old", b"new"]
    assert values(log)[-1] == b"new"
    assert b"old" not in values(log)


async def test_what_is_appended_during_compaction_is_not_disturbed(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner
) -> None:
    log = topic(logs, {"cleanup.policy": "compact"})
    await fill(log, commit, 30, keys=[b"a", b"b"])

    async def write() -> None:
        for number in range(50):
            result = log.append(batch(b"%d" % number, keys=[b"new %d" % number]))
            await commit.durable(log, result.last_offset + 1)
            assert log.read(result.base_offset, 1000)

    await asyncio.gather(write(), cleaner.clean_all())

    found = read_all(log)
    assert [record.key for record in found][-50:] == [b"new %d" % number for number in range(50)]
    assert found[0].offset == 58


async def test_one_partition_that_fails_does_not_keep_the_others_waiting(
    logs: LogDirectory,
    commit: GroupCommit,
    cleaner: LogCleaner,
    clock: TurnedClock,
) -> None:
    logs.create_topic("broken", 1, {"retention.ms": "1"})
    broken = logs.get("broken", 0)
    assert broken is not None
    log = topic(logs, {"retention.ms": "1"})
    for one in (broken, log):
        await fill(one, commit, 2)
    for path in broken.directory.glob("*.log"):
        path.unlink()
    clock.turn(HOUR_MS)

    await cleaner.clean_all()

    assert log.log_start_offset == 4


async def test_a_file_is_finished_before_cancelling_is_heard(
    logs: LogDirectory,
    commit: GroupCommit,
    cleaner: LogCleaner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = topic(logs, {"cleanup.policy": "compact"})
    await fill(log, commit, 10, keys=[b"a", b"b"])
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()
    last_offsets = compaction.last_offsets

    def slow(
        files: Sequence[compaction.SealedFile], aborted: Sequence[AbortedTransaction]
    ) -> dict[bytes, int]:
        begun.set()
        may_end.wait(10)
        ended.set()
        return last_offsets(files, aborted)

    monkeypatch.setattr(compaction, "last_offsets", slow)
    cleaning = asyncio.create_task(cleaner.clean_all())
    await asyncio.to_thread(begun.wait, 10)

    cleaning.cancel()
    asyncio.get_running_loop().call_soon(may_end.set)
    await asyncio.wait([cleaning])

    assert ended.is_set()
    assert cleaning.cancelled()


async def test_it_runs_until_it_is_cancelled(tmp_path: Path, clock: TurnedClock) -> None:
    logs = open_directory(tmp_path / "other", clock, retention_interval="PT0.01S")
    commit = GroupCommit(logs.fault)
    log = topic(logs, {"retention.ms": "1"})
    await fill(log, commit, 2)
    clock.turn(HOUR_MS)

    running = asyncio.create_task(LogCleaner(logs, commit, clock).run())
    async with asyncio.timeout(30):
        while log.log_start_offset < 4:  # noqa: ASYNC110 - retention tells nobody
            await asyncio.sleep(0.005)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await commit.close()
    logs.let_go()


async def test_a_copy_loses_what_its_leader_has_lost_and_nothing_by_itself(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner
) -> None:
    log = topic(logs, {"retention.ms": "1000"})
    log.is_copy = True
    await fill(log, commit, segments=3)
    written_at(log, NOON_MS - HOUR_MS)

    await cleaner.clean(log)
    assert log.log_start_offset == 0
    assert len(log.segments) == 4

    log.truncate_before(3)  # as the leader says
    await cleaner.clean(log)
    assert [segment.base_offset for segment in log.segments] == [2, 4, 6]


async def test_a_copy_of_which_all_has_gone_at_its_leader_is_empty(
    logs: LogDirectory, commit: GroupCommit, cleaner: LogCleaner
) -> None:
    log = topic(logs)
    log.is_copy = True
    log.append(batch(b"x", b"y"))
    await commit.flush(log)

    log.truncate_before(2)
    await cleaner.clean(log)

    assert log.bytes == 0
    assert [segment.base_offset for segment in log.segments] == [2]
