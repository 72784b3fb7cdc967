"""Markers that end a transaction, written to real logs by the node that leads them."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker_core.coordinator.markers import LocalMarkers
from broker_core.coordinator.offsets import OffsetStore
from broker_core.errors import UnknownTopicOrPartition
from broker_core.log.flush import Flush
from broker_core.log.group_commit import GroupCommit
from broker_core.log.partition_log import PartitionLog
from broker_core.replication.replicas import Replicas
from tests.support.partition import TurnedClock, marker, open_directory

PLACES = [("events", 0), ("events", 1)]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[LocalMarkers, Replicas, GroupCommit]]:
    clock = TurnedClock()
    logs = open_directory(tmp_path, clock)
    logs.create_topic("events", 2, {})
    commit = GroupCommit(logs.fault)
    replicas = Replicas(logs, commit)
    offsets = OffsetStore.open(logs, commit, clock, partitions=1)
    yield LocalMarkers(replicas, offsets), replicas, commit
    logs.close()


async def test_a_marker_is_durable_everywhere_or_it_is_said_why_not(
    parts: tuple[LocalMarkers, Replicas, GroupCommit],
) -> None:
    markers, replicas, commit = parts

    failed = await markers.write(marker(7, committed=True), [*PLACES, ("events", 9)])

    assert list(failed) == [("events", 9)]
    assert isinstance(failed["events", 9], UnknownTopicOrPartition)
    assert [replicas.leading(*place).log.durable_end for place in PLACES] == [1, 1]
    await commit.close()


async def test_whoever_gives_up_on_markers_leaves_no_failure_unheard(
    parts: tuple[LocalMarkers, Replicas, GroupCommit], monkeypatch: pytest.MonkeyPatch
) -> None:
    markers, _, commit = parts
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))

    def fail(log: PartitionLog) -> Flush:
        raise OSError("the disk is gone")

    monkeypatch.setattr(PartitionLog, "begin_flush", fail)
    writing = asyncio.create_task(markers.write(marker(7, committed=True), PLACES))
    await asyncio.sleep(0)  # it is appended, nothing is synced as yet
    writing.cancel()
    await asyncio.wait([writing])
    await commit.close()

    assert writing.cancelled()
    del writing  # it holds on to what it waited for
    gc.collect()
    assert unheard == []
