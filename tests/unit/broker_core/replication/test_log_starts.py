"""Copies start where their leader's log does, and a node without room can ask for that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.errors import ErrorCode
from broker_core.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopic,
)
from broker_core.replication import log_starts
from tests.support.cluster_in_process import InProcessCluster, three_nodes


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[InProcessCluster]:
    async with three_nodes(tmp_path) as nodes:
        yield nodes


async def test_copies_start_where_their_leaders_log_was_told_to(cluster: InProcessCluster) -> None:
    await cluster.create("events", {})
    leader = await cluster.in_sync("events")
    await cluster.send(leader, "events", *(b"x" for _ in range(10)))
    other = cluster.node((leader + 1) % 3)

    async def move(**starts: int) -> set[str]:
        wanted = {(topic, 0): start for topic, start in starts.items()}
        moved = await log_starts.move(wanted, other.link.state, other.siblings)
        return {topic for topic, _ in moved}

    assert await move(events=4, nowhere=1) == {"events"}
    assert await move(events=11) == set()  # there is no such record

    await cluster.until(
        lambda: [cluster.log(node_id, "events").log_start_offset for node_id in range(3)] == [4] * 3
    )


async def delete_everything(
    cluster: InProcessCluster, leader: int, *, timeout_ms: int = 60_000
) -> DeleteRecordsPartitionResult:
    everything = DeleteRecordsPartition(partition_index=0, offset=-1)
    topic = DeleteRecordsTopic(name="events", partitions=(everything,))
    request = DeleteRecordsRequest(topics=(topic,), timeout_ms=timeout_ms)
    answer: DeleteRecordsResponse = await cluster.ask(leader, request, 2)
    return answer.topics[0].partitions[0]


def starts(cluster: InProcessCluster) -> list[int]:
    return [cluster.log(node_id, "events").log_start_offset for node_id in cluster.brokers]


async def test_copies_have_followed_once_an_administrator_is_answered(
    cluster: InProcessCluster,
) -> None:
    await cluster.create("events", {})
    leader = await cluster.in_sync("events")
    await cluster.send(leader, "events", *(b"x" for _ in range(10)))

    result = await delete_everything(cluster, leader)

    assert (result.error_code, result.low_watermark) == (ErrorCode.NONE, 10)
    assert starts(cluster) == [10] * 3
    sent = await cluster.send(leader, "events", b"y")
    assert (sent.error_code, sent.base_offset) == (0, 10)


async def test_a_copy_that_does_not_follow_is_waited_for_until_the_time_is_over(
    cluster: InProcessCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cluster.create("events", {})
    leader = await cluster.in_sync("events")
    await cluster.send(leader, "events", *(b"x" for _ in range(10)))
    late = cluster.node((leader + 1) % 3).get("events", 0)
    monkeypatch.setattr(late, "follow_leader", lambda *_: None)

    result = await delete_everything(cluster, leader, timeout_ms=300)

    assert result.error_code == ErrorCode.REQUEST_TIMED_OUT
    assert result.low_watermark == 0
    assert cluster.log(leader, "events").log_start_offset == 10, "it is forgotten all the same"


async def test_a_node_that_is_away_is_not_waited_for(cluster: InProcessCluster) -> None:
    await cluster.create("events", {})
    leader = await cluster.in_sync("events")
    await cluster.send(leader, "events", *(b"x" for _ in range(10)))
    away = (leader + 1) % 3
    await cluster.stop(away)
    await cluster.until(lambda: not cluster.node(leader).link.state.is_alive(away))

    result = await delete_everything(cluster, leader)

    assert (result.error_code, result.low_watermark) == (ErrorCode.NONE, 10)
    assert starts(cluster) == [10] * 2
