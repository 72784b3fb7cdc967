"""Groups of a cluster: whose coordinator stops finds another that knows what was committed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker_core.errors import ErrorCode
from broker_core.protocol.messages.find_coordinator import FindCoordinatorRequest
from broker_core.protocol.messages.heartbeat import HeartbeatRequest
from broker_core.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)
from broker_core.replication.peer import Peer
from tests.support.cluster_in_process import SECONDS, InProcessCluster, three_nodes
from tests.support.controller import create_topic

GROUP = "readers"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[InProcessCluster]:
    async with three_nodes(tmp_path) as nodes:
        await create_topic(nodes.node(0).link, "events")
        await nodes.in_sync("events")
        yield nodes


async def ask(cluster: InProcessCluster, node_id: int, request: object, version: int) -> Any:
    port = cluster.brokers[node_id].port
    peer = await Peer.connect("127.0.0.1", port, credentials=None, client_id="test")
    try:
        return await peer.send(request, version, timeout_seconds=SECONDS)
    finally:
        await peer.close()


async def coordinator(cluster: InProcessCluster, *, asked: int) -> int:
    """Who coordinates the group, once somebody does and has read what there is."""
    async with asyncio.timeout(SECONDS):
        while True:
            request = FindCoordinatorRequest(coordinator_keys=(GROUP,))
            found = (await ask(cluster, asked, request, 4)).coordinators[0]
            if found.error_code == ErrorCode.NONE:
                beat = HeartbeatRequest(group_id=GROUP, generation_id=1, member_id="nobody")
                answer = await ask(cluster, found.node_id, beat, 4)
                if answer.error_code == ErrorCode.UNKNOWN_MEMBER_ID:
                    node_id: int = found.node_id
                    return node_id
            await asyncio.sleep(0.02)


def commit(offset: int) -> OffsetCommitRequest:
    partition = OffsetCommitRequestPartition(
        partition_index=0, committed_offset=offset, committed_metadata="a note"
    )
    return OffsetCommitRequest(
        group_id=GROUP,
        generation_id_or_member_epoch=-1,
        member_id="",
        topics=(OffsetCommitRequestTopic(name="events", partitions=(partition,)),),
    )


def fetch() -> OffsetFetchRequest:
    topics = (OffsetFetchRequestTopics(name="events", partition_indexes=(0,)),)
    return OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=GROUP, topics=topics),))


async def test_another_coordinator_knows_what_was_committed(cluster: InProcessCluster) -> None:
    first = await coordinator(cluster, asked=0)
    committed = await ask(cluster, first, commit(42), 8)
    assert committed.topics[0].partitions[0].error_code == ErrorCode.NONE

    await cluster.stop(first)
    second = await coordinator(cluster, asked=next(iter(cluster.brokers)))
    answer = await ask(cluster, second, fetch(), 8)

    (group,) = answer.groups
    (partition,) = group.topics[0].partitions
    assert (group.error_code, partition.committed_offset, partition.metadata) == (0, 42, "a note")
    assert second != first


async def test_who_does_not_coordinate_a_group_says_so(cluster: InProcessCluster) -> None:
    coordinating = await coordinator(cluster, asked=1)
    other = (coordinating + 1) % 3

    committed = await ask(cluster, other, commit(7), 8)
    fetched = await ask(cluster, other, fetch(), 8)
    beat = HeartbeatRequest(group_id=GROUP, generation_id=1, member_id="nobody")
    answer = await ask(cluster, other, beat, 4)

    assert committed.topics[0].partitions[0].error_code == ErrorCode.NOT_COORDINATOR
    assert fetched.groups[0].error_code == ErrorCode.NOT_COORDINATOR
    assert answer.error_code == ErrorCode.NOT_COORDINATOR


async def test_who_coordinates_again_has_what_others_committed_meanwhile(
    cluster: InProcessCluster,
) -> None:
    first = await coordinator(cluster, asked=0)
    await ask(cluster, first, commit(1), 8)
    await cluster.stop(first)
    second = await coordinator(cluster, asked=next(iter(cluster.brokers)))
    await ask(cluster, second, commit(2), 8)
    await cluster.start(first)
    await cluster.joined()
    await cluster.in_sync("__consumer_offsets")

    for node_id in [each for each in range(3) if each != first]:
        await cluster.stop(node_id)
    third = await coordinator(cluster, asked=first)
    answer = await ask(cluster, third, fetch(), 8)

    assert third == first
    assert answer.groups[0].topics[0].partitions[0].committed_offset == 2


async def test_a_topic_that_is_deleted_is_forgotten_by_the_coordinator(
    cluster: InProcessCluster,
) -> None:
    coordinating = await coordinator(cluster, asked=0)
    await ask(cluster, coordinating, commit(42), 8)

    await cluster.delete("events")

    async with asyncio.timeout(SECONDS):
        while True:
            (group,) = (await ask(cluster, coordinating, fetch(), 8)).groups
            if group.topics[0].partitions[0].committed_offset == -1:
                break
            await asyncio.sleep(0.02)
