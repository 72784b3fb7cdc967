"""ControllerState: all that the controller knows and keeps. Pure.

Decisions are functions from one state to the next, or an error that leaves everything as it was;
the controller makes each of them durable before anybody hears of it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from broker_core.errors import UnknownTopicId, UnknownTopicOrPartition
from broker_core.replication.cluster_state import ClusterState, Partition, Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the controller alone knows of a node.

    Attributes:
        incarnation: Of the process that registered last.
        directory_id: Of the data directory that it had.
    """

    incarnation: UUID
    directory_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerState:
    """Everything at one version.

    Attributes:
        cluster: What nodes are told.
        registrations: By node id, as ``cluster.nodes``.
        next_producer_id: No producer id from here on was ever given.
        boot_id: Of the machine's start in which this was decided; empty if the system has none.
    """

    cluster: ClusterState
    registrations: Mapping[int, Registration] = field(default_factory=dict)
    next_producer_id: int = 0
    boot_id: str = ""

    @property
    def alive(self) -> frozenset[int]:
        """The nodes that may lead."""
        return frozenset(node.node_id for node in self.cluster.nodes.values() if not node.fenced)

    def partition(self, topic: str, index: int) -> Partition:
        """Return a partition.

        Raises:
            UnknownTopicOrPartition: There is none.
        """
        found = self.cluster.partition(topic, index)
        if found is None:
            raise UnknownTopicOrPartition(f"partition {index} of topic {topic!r}")
        return found

    def topic_of(self, topic_id: UUID) -> Topic:
        """Return a topic by its id.

        Raises:
            UnknownTopicId: There is none.
        """
        for topic in self.cluster.topics.values():
            if topic.topic_id == topic_id:
                return topic
        raise UnknownTopicId(f"no topic has the id {topic_id}")

    def with_partitions(self, changed: Iterable[Partition]) -> "ControllerState":
        """Replace partitions; what did not change stays the same object."""
        by_topic: dict[str, list[Partition]] = {}
        for partition in changed:
            topic = self.cluster.topics[partition.topic]
            current = by_topic.setdefault(partition.topic, list(topic.partitions))
            current[partition.index] = partition
        topics = {
            name: replace(self.cluster.topics[name], partitions=tuple(partitions))
            for name, partitions in by_topic.items()
            if any(
                new is not old
                for new, old in zip(partitions, self.cluster.topics[name].partitions, strict=True)
            )
        }
        return self.with_topics(topics)

    def each_partition(self, change: Callable[[Partition], Partition]) -> "ControllerState":
        """Put every partition through ``change``."""
        return self.with_partitions([change(each) for each in self.cluster.partitions()])

    def with_topics(
        self, topics: Mapping[str, Topic], deleted: Iterable[str] = ()
    ) -> "ControllerState":
        """Add or replace topics, and leave some out."""
        gone = set(deleted)
        if not topics and not gone:
            return self
        merged = {**self.cluster.topics, **topics}
        kept = {name: topic for name, topic in merged.items() if name not in gone}
        return replace(self, cluster=replace(self.cluster, topics=kept))
