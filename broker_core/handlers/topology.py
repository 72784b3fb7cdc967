"""Topology: what handlers know of the cluster, and who changes it; one node alone, or several.

A node that is alone decides for itself: its log directory is the truth, and what is asked for is
done there. A node of a cluster knows what the controller told it and hands requests on.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from broker_core.log.log_directory import LogDirectory
from broker_core.log.topic_config import TopicConfig
from broker_core.replication.cluster_state import ClusterState, Node, Partition, Topic
from broker_core.replication.controller_link import ControllerLink

FORWARDED_MS = 30_000  # what a request that is handed on is given; its sender waits no longer


class Controller(Protocol):
    """Who changes a cluster; see ``broker_core.replication.controller_link``."""

    async def forward(self, request: object, version: int) -> Any:
        """Have a request carried out; return its response."""
        ...


class Topology(Protocol):
    """Nodes, topics and leaders as this node knows them."""

    @property
    def state(self) -> ClusterState:
        """The newest known state."""
        ...

    @property
    def controller(self) -> Controller | None:
        """Who changes topics; None if that is this node alone."""
        ...


class SingleNode:
    """A cluster of one node, made from its log directory. For the event loop.

    Args:
        host: The name that clients are told to connect to.
    """

    controller = None

    def __init__(self, logs: LogDirectory, *, node_id: int, host: str, port: int) -> None:
        self._logs = logs
        self._node = Node(node_id=node_id, host=host, port=port, epoch=0, fenced=False)
        self._topics: Mapping[str, TopicConfig] | None = None
        self._state = self._made()

    @property
    def state(self) -> ClusterState:
        """The directory's topics, each partition led by this node; made anew when they change."""
        if self._logs.topics() is not self._topics:
            self._state = self._made()
        return self._state

    def _made(self) -> ClusterState:
        self._topics = topics = self._logs.topics()
        return ClusterState(
            version=1,
            cluster_id=self._logs.cluster_id,
            nodes={self._node.node_id: self._node},
            topics={name: self._topic(topic) for name, topic in topics.items()},
        )

    def _topic(self, topic: TopicConfig) -> Topic:
        node_id = self._node.node_id
        return Topic(
            name=topic.name,
            topic_id=topic.topic_id,
            configs=topic.config,
            partitions=tuple(
                Partition(
                    topic=topic.name,
                    topic_id=topic.topic_id,
                    index=index,
                    replicas=(node_id,),
                    isr=(node_id,),
                    leader=node_id,
                    leader_epoch=0,
                    partition_epoch=0,
                )
                for index in range(topic.partitions)
            ),
        )


class OtherListener:
    """The same cluster as a client of another listener reaches it. For the event loop.

    Args:
        host: The name that these clients are told to connect to.
        port_shift: From a node's port to that of its other listener; the same for every node.
    """

    def __init__(self, topology: Topology, *, host: str, port_shift: int) -> None:
        self._topology = topology
        self._host = host
        self._port_shift = port_shift
        self._known: ClusterState | None = None

    @property
    def state(self) -> ClusterState:
        """The newest known state, with other addresses."""
        if self._topology.state is not self._known:
            self._known = self._topology.state
            self._state = replace(
                self._known,
                nodes={
                    node_id: replace(node, host=self._host, port=node.port + self._port_shift)
                    for node_id, node in self._known.nodes.items()
                },
            )
        return self._state

    @property
    def controller(self) -> Controller | None:
        """Who changes topics."""
        return self._topology.controller


class ClusterTopology:
    """Several nodes, as their controller says. For the event loop."""

    def __init__(self, link: ControllerLink) -> None:
        self._link = link

    @property
    def state(self) -> ClusterState:
        """The newest known state."""
        return self._link.state

    @property
    def controller(self) -> Controller | None:
        """Who changes topics."""
        return self._link
