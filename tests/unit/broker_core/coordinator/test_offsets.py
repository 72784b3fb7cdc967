"""Committed offsets as records of __consumer_offsets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.coordinator.offset_records import CommittedOffset
from broker_core.coordinator.offsets import OffsetStore
from broker_core.errors import StorageError
from broker_core.log.cleaner import LogCleaner
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from tests.support.partition import TurnedClock, batch, open_directory

FIVE = CommittedOffset(5, 0, "note", 1)
SIX = CommittedOffset(6, -1, "", 2)


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


def store(logs: LogDirectory, commit: GroupCommit, partitions: int = 1) -> OffsetStore:
    return OffsetStore.open(logs, commit, TurnedClock(), partitions=partitions)


async def test_what_is_committed_is_remembered_over_a_crash(
    logs: LogDirectory, commit: GroupCommit, tmp_path: Path
) -> None:
    offsets = store(logs, commit)
    await offsets.commit("g", {("events", 0): FIVE, ("events", 1): SIX})
    await offsets.commit("g", {("events", 0): SIX})
    logs.let_go()

    again = open_directory(tmp_path)
    found = store(again, GroupCommit(again.fault))

    assert found.of("g") == {("events", 0): SIX, ("events", 1): SIX}
    assert found.of("other") == {}
    assert list(found.groups) == ["g"]
    again.let_go()


async def test_what_is_committed_is_on_disk_before_the_answer(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    await store(logs, commit).commit("g", {("events", 0): FIVE})

    log = logs.get(CONSUMER_OFFSETS, 0)
    assert log is not None
    assert log.high_watermark == log.end_offset == 1


async def test_what_is_forgotten_stays_forgotten(logs: LogDirectory, commit: GroupCommit) -> None:
    offsets = store(logs, commit)
    await offsets.commit("g", {("events", 0): FIVE, ("events", 1): SIX})

    await offsets.forget("g", [("events", 0), ("never", 0)])
    assert offsets.of("g") == {("events", 1): SIX}
    assert store(logs, commit).of("g") == {("events", 1): SIX}

    await offsets.forget("g", [("events", 1)])
    assert list(offsets.groups) == []
    assert list(store(logs, commit).groups) == []


async def test_a_failed_disk_commits_nothing(logs: LogDirectory, commit: GroupCommit) -> None:
    offsets = store(logs, commit)
    logs.fault.set("test")

    with pytest.raises(StorageError):
        await offsets.commit("g", {("events", 0): FIVE})

    assert offsets.of("g") == {}


async def test_groups_spread_over_the_partitions_that_there_are(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    offsets = store(logs, commit, partitions=3)
    for number in range(30):
        await offsets.commit(f"g{number}", {("events", 0): FIVE})

    partitions = [logs.get(CONSUMER_OFFSETS, number) for number in range(3)]
    assert all(log is not None and log.end_offset > 0 for log in partitions)
    assert len(store(logs, commit, partitions=8).groups) == 30, "its own number stands"


async def test_many_partitions_at_once_are_several_batches(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    offsets = store(logs, commit)
    many = {("events", number): FIVE for number in range(2500)}

    await offsets.commit("g", many)

    assert store(logs, commit).of("g") == many


async def test_compaction_loses_no_offset(logs: LogDirectory, commit: GroupCommit) -> None:
    offsets = store(logs, commit)
    log = logs.get(CONSUMER_OFFSETS, 0)
    assert log is not None
    for number in range(100):
        committed = CommittedOffset(number, -1, "", number)
        await offsets.commit(f"g{number % 3}", {("events", 0): committed})
        if number % 20 == 0:
            log.roll()
    await commit.flush(log)
    known = {group: dict(offsets.of(group)) for group in offsets.groups}

    await LogCleaner(logs, commit, TurnedClock()).clean_all()

    found = store(logs, commit)
    assert {group: dict(found.of(group)) for group in found.groups} == known


async def test_a_record_that_is_no_offset_is_passed_over(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    offsets = store(logs, commit)
    log = logs.get(CONSUMER_OFFSETS, 0)
    assert log is not None
    log.append(batch(b"?", keys=[b"\0\2 a group's metadata, as Kafka would write"]))
    await offsets.commit("g", {("events", 0): FIVE})

    assert store(logs, commit).of("g") == {("events", 0): FIVE}
