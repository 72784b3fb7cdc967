"""Nodes ask each other, over connections that come and go."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.errors import BrokerError, NetworkException
from broker_core.protocol.messages.describe_cluster import DescribeClusterRequest
from tests.support.cluster_in_process import InProcessCluster, three_nodes

ASK = DescribeClusterRequest(include_cluster_authorized_operations=False)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[InProcessCluster]:
    async with three_nodes(tmp_path) as nodes:
        yield nodes


async def test_a_node_that_comes_back_elsewhere_is_asked_there(cluster: InProcessCluster) -> None:
    siblings = cluster.node(0).siblings
    first = await siblings.ask(1, ASK, 0)
    port = cluster.brokers[1].port

    await cluster.stop(1)
    with pytest.raises(BrokerError):
        await siblings.ask(1, ASK, 0)
    await cluster.start(1)
    await cluster.joined()
    again = await siblings.ask(1, ASK, 0)

    assert cluster.brokers[1].port != port
    assert len(first.brokers) == len(again.brokers) == 3


async def test_a_node_that_nobody_knows_is_not_asked(cluster: InProcessCluster) -> None:
    with pytest.raises(NetworkException):
        await cluster.node(0).siblings.ask(7, ASK, 0)
