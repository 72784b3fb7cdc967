"""WatchCluster (key 10000): request and response, version 0; ours alone, for nodes only.

Apache Kafka's nodes follow the controller's log of metadata instead; we have no such log. The key
is far from Kafka's, so that a client can never mean it.
"""

from dataclasses import dataclass

from broker_core.protocol.messages.alter_policy import PolicyEntry
from broker_core.protocol.primitives import Boolean, Int16, Int32, Int64, String, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchClusterRequest:
    """Ask for a newer state than the one known; the answer waits for it, but not for ever.

    ``broker_id`` -1: whoever asks does not follow, it only looks.
    """

    broker_id: Int32
    known_version: Int64
    max_wait_ms: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedNode:
    """A node as it registered last."""

    node_id: Int32
    host: String
    port: Int32
    epoch: Int64
    fenced: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedConfig:
    """A setting of a topic."""

    name: String
    value: String


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPartition:
    """A partition; its index is its place in the topic."""

    leader: Int32
    leader_epoch: Int32
    partition_epoch: Int32
    replicas: tuple[Int32, ...]
    isr: tuple[Int32, ...]
    adding: tuple[Int32, ...]
    removing: tuple[Int32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedTopic:
    """A topic with all its partitions."""

    name: String
    topic_id: Uuid
    configs: tuple[WatchedConfig, ...]
    partitions: tuple[WatchedPartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchClusterResponse:
    """A state, or what changed from the one that was known to it.

    ``is_whole`` says that ``topics`` and ``policy`` are all there are; otherwise they replace those
    of the same name or key, and those of ``deleted`` and ``policy_deleted`` are gone. Nodes are
    always all there are. The version is the known one if nothing changed; ``session_timeout_ms`` is
    how long a node may go without an answered heartbeat.
    """

    error_code: Int16
    session_timeout_ms: Int32
    cluster_id: String
    version: Int64
    is_whole: Boolean
    nodes: tuple[WatchedNode, ...]
    topics: tuple[WatchedTopic, ...]
    deleted: tuple[String, ...]
    policy_version: Int64
    policy: tuple[PolicyEntry, ...]
    policy_deleted: tuple[String, ...]
