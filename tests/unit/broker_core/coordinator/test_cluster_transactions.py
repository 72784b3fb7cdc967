"""Transactions of a cluster: coordinator, leaders and group coordinator are different nodes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.errors import ErrorCode
from broker_core.log.replicated_log import ReplicatedLog
from tests.support.cluster_in_process import InProcessCluster, three_nodes
from tests.support.controller import create_topic
from tests.support.partition import read_committed
from tests.support.transactional_client import TransactionalClient

TOPIC = "events"
PARTITIONS = (0, 1, 2)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[InProcessCluster]:
    async with three_nodes(tmp_path) as nodes:
        await create_topic(nodes.node(0).link, TOPIC, partitions=len(PARTITIONS))
        leaders = {await nodes.in_sync(TOPIC, number) for number in PARTITIONS}
        assert len(leaders) == 3, "every node leads one"
        yield nodes


@pytest.fixture
async def client(cluster: InProcessCluster) -> TransactionalClient:
    client = TransactionalClient(cluster, "t")
    await client.begin()
    return client


def seen(log: ReplicatedLog) -> list[bytes | None]:
    return [record.value for record in read_committed(log)]


async def is_seen(cluster: InProcessCluster, number: int, values: list[bytes]) -> None:
    """Return once a reader of the partition's leader sees exactly these."""

    def is_so() -> bool:
        state = cluster.node(next(iter(cluster.brokers))).link.state
        known = state.partition(TOPIC, number)
        leader = -1 if known is None else known.leader
        return leader in cluster.brokers and seen(cluster.log(leader, TOPIC, number)) == values

    await cluster.until(is_so)


async def test_every_node_gets_its_markers(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    for committed in (True, False, True):
        value = b"kept" if committed else b"dropped"
        await client.write(TOPIC, dict.fromkeys(PARTITIONS, value))
        assert await client.end(committed=committed) == ErrorCode.NONE

    for number in PARTITIONS:
        await is_seen(cluster, number, [b"kept", b"kept"])


async def test_followers_know_what_was_aborted_when_they_lead(
    cluster: InProcessCluster, client: TransactionalClient
) -> None:
    for number, committed in enumerate((True, False, True)):
        await client.write(TOPIC, {0: b"%d" % number})
        assert await client.end(committed=committed) == ErrorCode.NONE
    await client.write(TOPIC, {0: b"open"})
    first = await cluster.in_sync(TOPIC)

    await cluster.stop(first)
    second = await cluster.in_sync(TOPIC, count=2)

    log = cluster.log(second, TOPIC)
    await cluster.until(lambda: log.high_watermark == log.end_offset)
    assert seen(log) == [b"0", b"2"]
    assert list(log.open_transactions) == [client.producer_id]
    assert log.last_stable_offset == log.end_offset - 1
    await client.write(TOPIC, {0: b"more"})
    assert await client.end(committed=True) == ErrorCode.NONE
    assert seen(log) == [b"0", b"2", b"open", b"more"]
