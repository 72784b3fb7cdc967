"""Group commit: shared rounds, and a failed sync that is never forgiven."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.errors import StorageError, UnknownTopicOrPartition
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from tests.support.partition import batch, open_directory, reopened, topic, values


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogDirectory]:
    opened = open_directory(tmp_path)
    yield opened
    opened.let_go()


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every log file that is synced."""
    found: list[int] = []
    fdatasync = os.fdatasync

    def count(descriptor: int) -> None:
        found.append(descriptor)
        fdatasync(descriptor)

    monkeypatch.setattr(os, "fdatasync", count)
    return found


def fail_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)


async def test_an_append_is_readable_once_it_is_durable(logs: LogDirectory) -> None:
    log = topic(logs)
    commit = GroupCommit(logs.fault)
    result = log.append(batch(b"a", b"b"))

    await commit.durable(log, result.last_offset + 1)

    assert log.high_watermark == 2
    assert values(log) == [b"a", b"b"]
    await commit.close()


async def test_whoever_appends_together_shares_a_sync(logs: LogDirectory, syncs: list[int]) -> None:
    log = topic(logs)
    commit = GroupCommit(logs.fault)

    async def write(number: int) -> None:
        result = log.append(batch(b"%d" % number))
        await commit.durable(log, result.last_offset + 1)
        assert log.high_watermark > result.last_offset

    await asyncio.gather(*(write(number) for number in range(100)))

    assert len(syncs) <= 2
    await commit.close()


async def test_partitions_asked_for_together_share_a_round(logs: LogDirectory) -> None:
    logs.create_topic("wide", 4, {})
    commit = GroupCommit(logs.fault)
    partitions = [log for log in logs.partitions().values() if log.topic == "wide"]
    for log in partitions:
        log.append(batch(b"a"))

    waits = [commit.durable(log, 1) for log in partitions]
    await waits[0]

    assert all(wait.done() for wait in waits)
    await commit.close()


async def test_what_is_durable_is_not_synced_again(logs: LogDirectory, syncs: list[int]) -> None:
    log = topic(logs)
    commit = GroupCommit(logs.fault)
    log.append(batch(b"a"))
    await commit.durable(log, 1)
    count = len(syncs)

    await commit.durable(log, 1)
    await commit.flush(log)

    assert len(syncs) == count
    await commit.close()


async def test_what_nobody_waits_for_is_synced_as_well(logs: LogDirectory) -> None:
    log = topic(logs)
    commit = GroupCommit(logs.fault)
    moved = asyncio.Event()
    log.subscribe(moved.set)
    log.append(batch(b"a"))

    commit.request(log)

    await asyncio.wait_for(moved.wait(), 10)
    assert values(log) == [b"a"]
    await commit.close()


async def test_closing_finishes_the_round_under_way(logs: LogDirectory) -> None:
    log = topic(logs)
    commit = GroupCommit(logs.fault)
    log.append(batch(b"a"))
    commit.request(log)

    await commit.close()

    assert log.high_watermark == 1


async def test_a_client_that_goes_away_does_not_disturb_the_others(logs: LogDirectory) -> None:
    log = topic(logs)
    commit = GroupCommit(logs.fault)
    log.append(batch(b"a"))
    leaving, staying = commit.durable(log, 1), commit.durable(log, 1)

    leaving.cancel()

    await staying
    await commit.close()


async def test_a_failed_sync_is_an_error_for_everybody_for_ever(
    logs: LogDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.create_topic("other", 1, {})
    other = logs.get("other", 0)
    assert other is not None
    log = topic(logs)
    commit = GroupCommit(logs.fault)
    log.append(batch(b"a"))
    other.append(batch(b"b"))
    fail_syncs(monkeypatch)

    results = await asyncio.gather(
        commit.durable(log, 1), commit.durable(other, 1), return_exceptions=True
    )
    monkeypatch.undo()  # the disk is fine again: too late

    assert [type(result) for result in results] == [StorageError, StorageError]
    assert log.high_watermark == 0
    with pytest.raises(StorageError, match="out of service"):
        log.append(batch(b"c"))
    with pytest.raises(StorageError, match="Input/output error"):
        await commit.durable(log, 1)
    await commit.close()


async def test_a_directory_that_failed_is_recovered_by_the_next_start(
    logs: LogDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = topic(logs)
    commit = GroupCommit(logs.fault)
    log.append(batch(b"a"))
    fail_syncs(monkeypatch)
    with pytest.raises(StorageError):
        await commit.durable(log, 1)
    monkeypatch.undo()
    await commit.close()
    logs.close()

    again = open_directory(tmp_path)

    assert values(reopened(again)) == [b"a"]
    again.let_go()


async def test_deleting_a_topic_lets_nobody_wait(logs: LogDirectory) -> None:
    log = topic(logs)
    commit = GroupCommit(logs.fault)
    log.append(batch(b"a"))
    waiting = commit.durable(log, 1)
    logs.delete_topic("events")

    with pytest.raises(UnknownTopicOrPartition):
        await waiting

    logs.fault.check()
    await commit.close()


async def test_deleting_a_topic_while_it_is_synced_is_no_failure_of_the_disk(
    logs: LogDirectory,
) -> None:
    commit = GroupCommit(logs.fault)
    for _ in range(20):
        log: PartitionLog = topic(logs, {"segment.bytes": "1024"})
        for number in range(20):
            log.append(batch(b"%d" % number * 50))
        waiting = commit.durable(log, 1)
        await asyncio.sleep(0)  # the round begins
        await asyncio.to_thread(logs.delete_topic, "events")
        await asyncio.wait([waiting])
        assert waiting.exception() is None or isinstance(
            waiting.exception(), UnknownTopicOrPartition
        )
        logs.partitions()

    logs.fault.check()
    await commit.close()
