"""Copies start where their leader's log does, and a node without room can ask for that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
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


async def test_copies_follow_an_administrator_who_deletes_records(
    cluster: InProcessCluster,
) -> None:
    await cluster.create("events", {})
    leader = await cluster.in_sync("events")
    await cluster.send(leader, "events", *(b"x" for _ in range(10)))
    everything = DeleteRecordsPartition(partition_index=0, offset=-1)
    request = DeleteRecordsRequest(
        topics=(DeleteRecordsTopic(name="events", partitions=(everything,)),), timeout_ms=60_000
    )

    answer = await cluster.ask(leader, request, 2)

    assert answer.topics[0].partitions[0].low_watermark == 10
    await cluster.until(
        lambda: (
            [cluster.log(node_id, "events").log_start_offset for node_id in range(3)] == [10] * 3
        )
    )
    sent = await cluster.send(leader, "events", b"y")
    assert (sent.error_code, sent.base_offset) == (0, 10)
