"""ClusterState as WatchCluster carries it: whole, or what changed from a known state. Pure.

Topics and entries of the policy that did not change are not sent, and stay the same objects on the
node's side.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from broker_core.errors import CorruptMessage
from broker_core.protocol.messages.alter_policy import PolicyEntry
from broker_core.protocol.messages.watch_cluster import (
    WatchClusterResponse,
    WatchedConfig,
    WatchedNode,
    WatchedPartition,
    WatchedTopic,
)
from broker_core.replication.cluster_state import (
    ClusterState,
    Node,
    Partition,
    PolicyEntries,
    Topic,
)


def to_message(
    state: ClusterState, known: ClusterState | None, *, session_timeout_ms: int
) -> WatchClusterResponse:
    """Return the message that takes a node from ``known`` to ``state``; None: from anywhere."""
    before = {} if known is None else known.topics
    policy, known_policy = state.policy.entries, {} if known is None else known.policy.entries
    return WatchClusterResponse(
        error_code=0,
        session_timeout_ms=session_timeout_ms,
        cluster_id=state.cluster_id,
        version=state.version,
        is_whole=known is None,
        nodes=tuple(
            WatchedNode(
                node_id=node.node_id,
                host=node.host,
                port=node.port,
                epoch=node.epoch,
                fenced=node.fenced,
            )
            for node in state.nodes.values()
        ),
        topics=tuple(
            _topic_message(topic)
            for name, topic in state.topics.items()
            if before.get(name) is not topic
        ),
        deleted=tuple(name for name in before if name not in state.topics),
        policy_version=state.policy.version,
        policy=tuple(
            PolicyEntry(key=key, value=value)
            for key, value in changed_entries(known_policy, policy)
        ),
        policy_deleted=tuple(removed_entries(known_policy, policy)),
    )


def from_message(message: WatchClusterResponse, known: ClusterState) -> ClusterState:
    """Return the state that a message leads to from the one it was asked with.

    Raises:
        CorruptMessage: The controller sent a difference to a state that this node does not have.
    """
    if not message.is_whole and message.cluster_id != known.cluster_id:
        raise CorruptMessage(f"a difference to a state of cluster {message.cluster_id!r}")
    topics = {} if message.is_whole else dict(known.topics)
    for name in message.deleted:
        topics.pop(name, None)
    for told in message.topics:
        topics[told.name] = _topic(told, known.topics.get(told.name))
    nodes = {
        each.node_id: Node(
            node_id=each.node_id,
            host=each.host,
            port=each.port,
            epoch=each.epoch,
            fenced=each.fenced,
        )
        for each in message.nodes
    }
    return ClusterState(
        version=message.version,
        cluster_id=message.cluster_id,
        nodes=MappingProxyType(nodes),
        topics=MappingProxyType(topics),
        policy=_policy(message, known.policy),
    )


def changed_entries(
    before: Mapping[str, str], after: Mapping[str, str]
) -> Sequence[tuple[str, str]]:
    """Entries of a policy that are new or others than before."""
    if before is after:
        return ()
    return [(key, value) for key, value in after.items() if before.get(key) != value]


def removed_entries(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[str]:
    """Keys of a policy that are not there any more."""
    return () if before is after else [key for key in before if key not in after]


def _policy(message: WatchClusterResponse, known: PolicyEntries) -> PolicyEntries:
    if not message.is_whole and message.policy_version == known.version:
        return known
    entries = {} if message.is_whole else dict(known.entries)
    for key in message.policy_deleted:
        entries.pop(key, None)
    for each in message.policy:
        entries[each.key] = each.value
    return PolicyEntries(version=message.policy_version, entries=MappingProxyType(entries))


def _topic_message(topic: Topic) -> WatchedTopic:
    return WatchedTopic(
        name=topic.name,
        topic_id=topic.topic_id.bytes,
        configs=tuple(
            WatchedConfig(name=name, value=value) for name, value in topic.configs.items()
        ),
        partitions=tuple(
            WatchedPartition(
                leader=partition.leader,
                leader_epoch=partition.leader_epoch,
                partition_epoch=partition.partition_epoch,
                replicas=partition.replicas,
                isr=partition.isr,
                adding=partition.adding,
                removing=partition.removing,
            )
            for partition in topic.partitions
        ),
    )


def _topic(told: WatchedTopic, known: Topic | None) -> Topic:
    topic_id = UUID(bytes=told.topic_id)
    partitions = []
    for index, each in enumerate(told.partitions):
        partition = Partition(
            topic=told.name,
            topic_id=topic_id,
            index=index,
            replicas=each.replicas,
            isr=each.isr,
            leader=each.leader,
            leader_epoch=each.leader_epoch,
            partition_epoch=each.partition_epoch,
            adding=each.adding,
            removing=each.removing,
        )
        if known is not None and index < len(known.partitions):
            same = known.partitions[index]
            partition = same if same == partition else partition
        partitions.append(partition)
    return Topic(
        name=told.name,
        topic_id=topic_id,
        configs=MappingProxyType({each.name: each.value for each in told.configs}),
        partitions=tuple(partitions),
    )
