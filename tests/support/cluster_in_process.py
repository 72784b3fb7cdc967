"""Three nodes and their controller on the event loop of a test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from broker_core.broker import Broker
from broker_core.controller import Controller
from broker_core.errors import BrokerError
from broker_core.log.replicated_log import ReplicatedLog
from broker_core.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from broker_core.protocol.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from broker_core.protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    TopicProduceData,
)
from broker_core.protocol.primitives import NO_UUID
from broker_core.replication.cluster_replica import ClusterReplica
from broker_core.replication.node import ClusterNode, Membership
from broker_core.replication.peer import Credentials, Peer
from broker_core.settings import Access, BrokerSettings, ReplicationSettings
from tests.support.controller import CREDENTIALS, controller_settings
from tests.support.partition import batch

SECONDS = 60


class InProcessCluster:
    """Nodes 0, 1 and 2; each can be stopped and started again.

    Attributes:
        brokers: Those that run, by id.
        settings: What nodes that start are given besides, by the names of ``BrokerSettings``.
    """

    def __init__(self, directory: Path, controller: Controller, **replication: object) -> None:
        self.settings: dict[str, object] = {}
        self._directory = directory
        self._controller = controller
        self._replication = {"lag_time": timedelta(seconds=30), **replication}
        self.brokers: dict[int, Broker] = {}

    async def start(self, node_id: int) -> None:
        """Start a node; it joins in the background."""
        broker = Broker(
            BrokerSettings.model_validate(
                {
                    "data_dir": self._directory / f"node-{node_id}",
                    "port": 0,
                    "node_id": node_id,
                    "access": Access.OPEN,
                    "replication": ReplicationSettings.model_validate(self._replication),
                    **self.settings,
                }
            ),
            membership=Membership(
                controller=("127.0.0.1", self._controller.port), credentials=CREDENTIALS
            ),
        )
        await broker.__aenter__()
        self.brokers[node_id] = broker

    async def stop(self, node_id: int) -> None:
        """Stop a node in order."""
        await self.brokers.pop(node_id).__aexit__(None, None, None)

    def node(self, node_id: int) -> ClusterNode:
        """The part of a node that replicates."""
        node = self.brokers[node_id].node
        assert node is not None
        return node

    def log(self, node_id: int, topic: str, partition: int = 0) -> ReplicatedLog:
        """A node's copy of a partition."""
        replica = self.node(node_id).get(topic, partition)
        assert isinstance(replica, ClusterReplica)
        return replica.log

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once the condition holds; it is looked at often."""
        async with asyncio.timeout(SECONDS):
            while not condition():  # noqa: ASYNC110 # of many things, on several nodes
                await asyncio.sleep(0.01)

    async def joined(self, nodes: Iterable[int] = (0, 1, 2)) -> None:
        """Return once these nodes lead by their own view and know it of each other."""
        links = [self.node(node_id).link for node_id in nodes]
        await self.until(
            lambda: all(
                not link.is_fenced and all(link.state.is_alive(other) for other in nodes)
                for link in links
            )
        )

    async def in_sync(self, topic: str, partition: int = 0, count: int = 3) -> int:
        """Return the leader once that many replicas are in sync, and everybody acts by it."""

        def leader() -> int:
            states = [self.node(node_id).link.state for node_id in self.brokers]
            known = {state.partition(topic, partition) for state in states}
            found = known.pop()
            if known or found is None or len(found.isr) != count or found.is_offline:
                return -1
            for node_id in self.brokers:
                replica = self.node(node_id).get(topic, partition)
                if not isinstance(replica, ClusterReplica) or replica.partition != found:
                    return -1
                if replica.is_leader != (node_id == found.leader):
                    return -1
            return found.leader

        await self.until(lambda: leader() >= 0)
        return leader()

    async def create(self, topic: str, config: dict[str, str]) -> None:
        """Make a topic of one partition, a copy on every node."""
        configs = tuple(
            CreatableTopicConfig(name=name, value=text) for name, text in config.items()
        )
        wanted = CreatableTopic(
            name=topic, num_partitions=1, replication_factor=-1, assignments=(), configs=configs
        )
        link = self.node(next(iter(self.brokers))).link
        answer = await link.forward(CreateTopicsRequest(topics=(wanted,)), 7)
        assert answer.topics[0].error_code == 0, answer.topics[0].error_message

    async def delete(self, topic: str) -> None:
        """Delete a topic."""
        state = DeleteTopicState(name=topic, topic_id=NO_UUID)
        request = DeleteTopicsRequest(topics=(state,), timeout_ms=SECONDS * 1000)
        link = self.node(next(iter(self.brokers))).link
        answer = await link.forward(request, 6)
        assert answer.responses[0].error_code == 0

    async def send(
        self, node_id: int, topic: str, *values: bytes, acks: int = -1
    ) -> PartitionProduceResponse:
        """Produce one batch to partition 0 over a socket, as a client does."""
        data = PartitionProduceData(index=0, records=batch(*values))
        request = ProduceRequest(
            acks=acks,
            timeout_ms=SECONDS * 1000,
            topic_data=(TopicProduceData(name=topic, partition_data=(data,)),),
        )
        answer = await self.ask(node_id, request, 9)
        found: PartitionProduceResponse = answer.responses[0].partition_responses[0]
        return found

    async def ask(
        self, node_id: int, request: object, version: int, *, user: Credentials | None = None
    ) -> Any:
        """Send a node a request over a socket, as a client does; return its answer."""
        port = self.brokers[node_id].port
        peer = await Peer.connect("127.0.0.1", port, credentials=user, client_id="test")
        try:
            return await peer.send(request, version, timeout_seconds=SECONDS)
        finally:
            await peer.close()


@contextlib.asynccontextmanager
async def three_nodes(
    directory: Path, *, settings: Mapping[str, object] | None = None, **replication: object
) -> AsyncIterator[InProcessCluster]:
    """A controller and nodes 0, 1 and 2, all alive.

    Args:
        settings: Of each node, by the names of ``BrokerSettings``.
    """
    async with Controller(
        controller_settings(directory / "controller", default_replication=3)
    ) as controller:
        cluster = InProcessCluster(directory, controller, **replication)
        cluster.settings.update(settings or {})
        try:
            for node_id in range(3):
                await cluster.start(node_id)
            await cluster.joined()
            yield cluster
        finally:
            for node_id in list(cluster.brokers):
                with contextlib.suppress(BrokerError):
                    await cluster.stop(node_id)
