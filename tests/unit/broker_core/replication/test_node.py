"""Three nodes and a controller in one process: who holds, leads and follows what."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from broker_core.errors import ErrorCode
from broker_core.handlers.fetch_session import Owner
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.messages.fetch import FetchRequest
from tests.support.cluster_in_process import InProcessCluster, three_nodes
from tests.support.controller import CREDENTIALS, create_topic
from tests.support.partition import batch, values


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[InProcessCluster]:
    async with three_nodes(tmp_path) as nodes:
        yield nodes


def content(log: PartitionLog) -> bytes:
    return b"".join(segment.path.read_bytes() for segment in log.segments)


async def test_what_is_acknowledged_is_on_every_node(cluster: InProcessCluster) -> None:
    await create_topic(cluster.node(0).link, "events")
    leader = await cluster.in_sync("events")

    for number in range(5):
        answer = await cluster.send(leader, "events", b"%d" % number, b"and more")
        assert (answer.error_code, answer.base_offset) == (0, 2 * number)

    logs = [cluster.log(node_id, "events") for node_id in range(3)]
    assert [log.durable_end for log in logs] == [10, 10, 10]
    assert len({content(log) for log in logs}) == 1
    assert len(values(logs[leader])) == 10


async def test_flush_ms_takes_nothing_from_acks_all(cluster: InProcessCluster) -> None:
    await cluster.create("lazy", {"flush.ms": "3600000"})
    leader = await cluster.in_sync("lazy")

    answer = await cluster.send(leader, "lazy", b"a", b"b")

    assert answer.error_code == 0
    assert [cluster.log(node_id, "lazy").durable_end for node_id in range(3)] == [2, 2, 2]


async def test_a_node_that_does_not_lead_sends_clients_away(cluster: InProcessCluster) -> None:
    await create_topic(cluster.node(0).link, "events")
    leader = await cluster.in_sync("events")

    answer = await cluster.send((leader + 1) % 3, "events", b"x")
    unknown = await cluster.send(leader, "nothing", b"x")

    assert answer.error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert unknown.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


async def test_followers_begin_their_fetch_sessions_anew_when_the_leader_forgot_them(
    cluster: InProcessCluster,
) -> None:
    await create_topic(cluster.node(0).link, "events", partitions=20)
    leader = await cluster.in_sync("events")
    sessions = cluster.brokers[leader]._services.fetch_sessions
    await cluster.until(lambda: len(sessions) == 2)

    for session_id in list(sessions._sessions):
        last = FetchRequest(
            max_wait_ms=0, min_bytes=0, session_id=session_id, session_epoch=-1, topics=()
        )
        sessions.turn(last, Owner(CREDENTIALS.name, is_follower=True), 0)
    assert len(sessions) == 0
    for number in range(5):
        assert (await cluster.send(leader, "events", b"%d" % number)).error_code == 0

    await cluster.until(lambda: len(sessions) == 2)
    logs = [cluster.log(node_id, "events") for node_id in range(3)]
    await cluster.until(lambda: [log.high_watermark for log in logs] == [5, 5, 5])


async def test_another_leads_when_the_leader_stops_and_everything_is_there(
    cluster: InProcessCluster,
) -> None:
    await create_topic(cluster.node(0).link, "events")
    first = await cluster.in_sync("events")
    for number in range(5):
        assert (await cluster.send(first, "events", b"%d" % number)).error_code == 0

    await cluster.stop(first)
    second = await cluster.in_sync("events", count=2)
    for number in range(5, 10):
        assert (await cluster.send(second, "events", b"%d" % number)).error_code == 0
    await cluster.start(first)
    await cluster.in_sync("events", count=3)

    back = cluster.log(first, "events")
    assert values(cluster.log(second, "events")) == [b"%d" % number for number in range(10)]
    assert content(back) == content(cluster.log(second, "events"))


async def test_a_topic_that_is_deleted_is_gone_from_every_disk(
    cluster: InProcessCluster, tmp_path: Path
) -> None:
    await create_topic(cluster.node(0).link, "events", partitions=2)
    await cluster.in_sync("events", 1)
    await cluster.until(lambda: held(tmp_path) == 6)

    await cluster.delete("events")

    await cluster.until(lambda: held(tmp_path) == 0)


def held(directory: Path) -> int:
    """How many directories the partitions of the topic have, on all nodes."""
    return len(list(directory.glob("node-*/events-*")))


async def test_too_few_in_sync_replicas_refuse_acks_all_and_nothing_is_written(
    cluster: InProcessCluster,
) -> None:
    await cluster.create("events", {"min.insync.replicas": "2"})
    leader = await cluster.in_sync("events")
    followers = [node_id for node_id in range(3) if node_id != leader]

    await cluster.stop(followers[0])
    await cluster.in_sync("events", count=2)
    enough = await cluster.send(leader, "events", b"with two")
    await cluster.stop(followers[1])
    await cluster.in_sync("events", count=1)
    refused = await cluster.send(leader, "events", b"alone")
    one = await cluster.send(leader, "events", b"alone, and told so", acks=1)

    assert enough.error_code == ErrorCode.NONE
    assert refused.error_code == ErrorCode.NOT_ENOUGH_REPLICAS
    assert one.error_code == ErrorCode.NONE
    assert values(cluster.log(leader, "events")) == [b"with two", b"alone, and told so"]


async def test_settings_and_partitions_of_a_topic_reach_every_node(
    cluster: InProcessCluster,
) -> None:
    await cluster.create("events", {"retention.ms": "5000"})
    await cluster.in_sync("events")

    await cluster.until(
        lambda: all(
            cluster.log(node_id, "events").config.retention_ms == 5000 for node_id in range(3)
        )
    )


async def test_what_is_committed_is_remembered_over_a_stop_of_all(
    cluster: InProcessCluster,
) -> None:
    await create_topic(cluster.node(0).link, "events")
    leader = await cluster.in_sync("events")
    for number in range(5):
        await cluster.send(leader, "events", b"%d" % number)

    for node_id in range(3):
        await cluster.stop(node_id)
    for node_id in range(3):
        await cluster.start(node_id)
    await cluster.joined()
    again = await cluster.in_sync("events")

    await cluster.until(lambda: len(values(cluster.log(again, "events"))) == 5)
    assert (await cluster.send(again, "events", b"5")).base_offset == 5
    assert {cluster.log(node_id, "events").end_offset for node_id in range(3)} == {6}


async def test_a_leader_that_wrote_on_alone_cuts_that_when_it_follows(tmp_path: Path) -> None:
    """Followers hear nothing of it: their fetches are parked, and it goes past the replica."""
    async with three_nodes(tmp_path, fetch_wait=timedelta(seconds=60)) as cluster:
        await create_topic(cluster.node(0).link, "events")
        first = await cluster.in_sync("events")
        assert (await cluster.send(first, "events", b"for all")).error_code == 0
        cluster.log(first, "events").append(batch(b"never acknowledged"), leader_epoch=0)

        await cluster.stop(first)
        second = await cluster.in_sync("events", count=2)
        assert (await cluster.send(second, "events", b"instead")).error_code == 0
        await cluster.start(first)
        await cluster.in_sync("events", count=3)

        assert content(cluster.log(first, "events")) == content(cluster.log(second, "events"))
        assert values(cluster.log(second, "events")) == [b"for all", b"instead"]
