"""Topics that are made because somebody asks for them, on one node and on several."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.broker import Broker
from broker_core.errors import ErrorCode
from broker_core.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
)
from broker_core.replication.peer import Peer
from broker_core.settings import Access, BrokerSettings
from tests.support.cluster_in_process import three_nodes

SECONDS = 60


@pytest.fixture(params=["one node", "three nodes"])
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    """Where a broker listens that makes topics unasked."""
    if request.param == "one node":
        settings = BrokerSettings(
            data_dir=tmp_path, port=0, access=Access.OPEN, auto_create_topics=True
        )
        async with Broker(settings) as broker:
            yield broker.port
    else:
        async with three_nodes(tmp_path, settings={"auto_create_topics": True}) as cluster:
            yield cluster.brokers[1].port


async def ask(port: int, name: str, *, may_create: bool = True) -> tuple[int, int]:
    """The error and how many partitions there are."""
    peer = await Peer.connect("127.0.0.1", port, credentials=None, client_id="test")
    try:
        topics = (MetadataRequestTopic(name=name),)
        request = MetadataRequest(topics=topics, allow_auto_topic_creation=may_create)
        answer: MetadataResponse = await peer.send(request, 9, timeout_seconds=SECONDS)
    finally:
        await peer.close()
    [topic] = answer.topics
    return topic.error_code, len(topic.partitions)


async def test_a_topic_is_made_when_somebody_asks_for_it(port: int) -> None:
    unknown = (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, 0)
    assert await ask(port, "raw.new", may_create=False) == unknown

    await ask(port, "raw.new")  # a node of a cluster may hear later of what was made

    async with asyncio.timeout(SECONDS):
        while await ask(port, "raw.new", may_create=False) == unknown:
            pass


async def test_a_name_that_no_topic_can_have_is_refused_for_good(port: int) -> None:
    assert await ask(port, "raw.$#!") == (ErrorCode.INVALID_TOPIC_EXCEPTION, 0)
