"""Gauges that follow topics and groups."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.high_watermarks import OwnHighWatermarks
from broker_core.coordinator.measuring import Measuring
from broker_core.coordinator.offset_records import CommittedOffset
from broker_core.coordinator.offsets import OffsetStore
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.settings import GroupSettings
from tests.support.partition import TurnedClock, batch, open_directory


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


def size(topic: str) -> float | None:
    return REGISTRY.get_sample_value("kafka_log_log_size_bytes", {"topic": topic})


def lag(topic: str) -> float | None:
    labels = {"group": "measured", "topic": topic}
    return REGISTRY.get_sample_value("kafka_consumergroup_lag_records", labels)


async def test_sizes_and_lags_come_and_go_with_their_topics(
    logs: LogDirectory, commit: GroupCommit
) -> None:
    offsets = OffsetStore.open(logs, commit, TurnedClock(), partitions=1)
    groups = GroupRegistry(offsets, logs, GroupSettings(), TurnedClock())
    logs.create_topic("measured", 2, {})
    for number, count in ((0, 5), (1, 3)):
        log = logs.get("measured", number)
        assert log is not None
        log.append(batch(*(b"x" for _ in range(count))))
        await commit.flush(log)
    done = {("measured", 0): committed(2), ("measured", 1): committed(3)}
    await offsets.commit("measured", done)
    measuring = Measuring(logs, groups, OwnHighWatermarks(logs))

    await measuring.look()

    taken = sum(log.bytes for (topic, _), log in logs.partitions().items() if topic == "measured")
    assert (size("measured"), lag("measured")) == (taken, 3)
    await asyncio.to_thread(logs.delete_topic, "measured")
    await groups.forget_topic("measured")
    await measuring.look()
    assert (size("measured"), lag("measured")) == (None, None)
    groups.close()


def committed(offset: int) -> CommittedOffset:
    return CommittedOffset(offset=offset, leader_epoch=0, metadata="", committed_ms=0)
