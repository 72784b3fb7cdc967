"""ClusterState: every node, topic and partition of the cluster as the controller has decided. Pure.

Values are never changed in place: a later state is another value, and what did not change is the
same object in both. Words are Kafka's: leader epoch, partition epoch, in-sync replicas (KIP-497).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

NO_LEADER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One broker node, as it registered last.

    Attributes:
        host: The name that clients and siblings are told to connect to.
        epoch: Grows with every registration; requests of earlier lives of the node are refused.
        fenced: It must not lead and may not join an in-sync set: not heard of, or shut down.
    """

    node_id: int
    host: str
    port: int
    epoch: int
    fenced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition: who holds it, who is in sync, who leads.

    Attributes:
        replicas: Nodes that hold it or shall; the first one is its preferred leader.
        isr: In-sync replicas: each holds every acknowledged record.
        leader: -1 while no in-sync replica is alive: the partition is offline.
        leader_epoch: Grows whenever the leader changes or leaves.
        partition_epoch: Grows with every change; what a change is compared and swapped by.
        adding: Those of ``replicas`` that a reassignment brings (KIP-455).
        removing: Those of ``replicas`` that it takes away once the others are in sync.
    """

    topic: str
    topic_id: UUID
    index: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    leader: int
    leader_epoch: int
    partition_epoch: int
    adding: tuple[int, ...] = ()
    removing: tuple[int, ...] = ()

    @property
    def is_offline(self) -> bool:
        """Whether nobody leads it."""
        return self.leader == NO_LEADER

    @property
    def is_under_replicated(self) -> bool:
        """Whether fewer nodes are in sync than shall hold it when all is well."""
        return len(self.isr) < len(self.replicas) - len(self.adding)

    @property
    def is_reassigning(self) -> bool:
        """Whether its replicas are on their way from some nodes to others."""
        return bool(self.adding or self.removing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic.

    Attributes:
        topic_id: Tells two topics of one name apart.
        configs: What was set for it, by Kafka's names; the rest is the node's.
        partitions: In the order of their index, without gaps.
    """

    name: str
    topic_id: UUID
    configs: Mapping[str, str]
    partitions: tuple[Partition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEntries:
    """What operators decided through the protocol, as the controller keeps it: it reads none of it.

    Attributes:
        version: Of the cluster when it changed last; what a change is compared and swapped by.
        entries: What was decided, by what it is about. Salted keys of passwords are among it, so it
            is not shown when the value is printed.
    """

    version: int = 0
    entries: Mapping[str, str] = field(default_factory=dict, repr=False)


NO_POLICY = PolicyEntries(entries=MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterState:
    """The cluster at one version.

    Attributes:
        version: Grows with every change; 0 is a state in which nothing is known.
        nodes: Every node that ever registered, by its id.
        topics: By name.
        policy: Who may sign in, who may do what, and how much.
    """

    version: int
    cluster_id: str
    nodes: Mapping[int, Node] = field(default_factory=dict)
    topics: Mapping[str, Topic] = field(default_factory=dict)
    policy: PolicyEntries = NO_POLICY

    def partition(self, topic: str, index: int) -> Partition | None:
        """Return a partition, None if there is no such."""
        found = self.topics.get(topic)
        if found is None or not 0 <= index < len(found.partitions):
            return None
        return found.partitions[index]

    def partitions(self) -> Iterator[Partition]:
        """Every partition of every topic."""
        for topic in self.topics.values():
            yield from topic.partitions

    def by_leader(
        self, partitions: Iterable[tuple[str, int]]
    ) -> Mapping[int, Sequence[tuple[str, int]]]:
        """Sort partitions by the node that leads them; those that nobody leads are left out."""
        led: dict[int, list[tuple[str, int]]] = {}
        for where in partitions:
            found = self.partition(*where)
            if found is not None and not found.is_offline:
                led.setdefault(found.leader, []).append(where)
        return led

    def is_alive(self, node_id: int) -> bool:
        """Whether the node is registered and not fenced."""
        node = self.nodes.get(node_id)
        return node is not None and not node.fenced

    def offline_replicas(self, partition: Partition) -> tuple[int, ...]:
        """Return the nodes that hold a partition and are not alive, in its order."""
        return tuple(node for node in partition.replicas if not self.is_alive(node))


NOTHING_KNOWN = ClusterState(
    version=0, cluster_id="", nodes=MappingProxyType({}), topics=MappingProxyType({})
)
