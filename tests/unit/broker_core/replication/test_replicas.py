"""The partitions of a node that is alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.errors import UnknownTopicOrPartition
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.replication.replicas import Replicas
from tests.support.partition import open_directory


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[LogDirectory]:
    opened = open_directory(tmp_path)
    opened.create_topic("events", 2, {})
    yield opened
    opened.let_go()


@pytest.fixture
async def replicas(logs: LogDirectory) -> AsyncIterator[Replicas]:
    commit = GroupCommit(logs.fault)
    yield Replicas(logs, commit)
    await commit.close()


async def test_every_partition_of_the_directory_is_led(replicas: Replicas) -> None:
    replica = replicas.leading("events", 1, 0)

    assert (replica.log.topic, replica.log.partition, replica.leader_epoch) == ("events", 1, 0)
    assert replicas.leading("events", 1) is replica


async def test_what_does_not_exist_cannot_be_led(replicas: Replicas) -> None:
    assert replicas.get("events", 2) is None
    with pytest.raises(UnknownTopicOrPartition, match="events-2"):
        replicas.leading("events", 2)


async def test_a_topic_made_anew_is_another_log(logs: LogDirectory, replicas: Replicas) -> None:
    before = replicas.leading("events", 0)

    await asyncio.to_thread(logs.delete_topic, "events")
    gone = replicas.get("events", 0)
    await asyncio.to_thread(logs.create_topic, "events", 1, {})

    assert gone is None
    assert replicas.leading("events", 0).log is not before.log
