"""Metadata (key 3): request and response, versions 0 to 12."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import NO_UUID, Boolean, Int16, Int32, String, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataRequestTopic:
    """A topic, by name or (since version 10) by id."""

    topic_id: Uuid = wire(NO_UUID, since=10)
    name: String | None = wire(nullable_since=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataRequest:
    """Describe topics; null asks for all, in version 0 an empty list does."""

    topics: tuple[MetadataRequestTopic, ...] | None = wire(nullable_since=1)
    allow_auto_topic_creation: Boolean = wire(True, since=4)
    include_cluster_authorized_operations: Boolean = wire(False, since=8, until=10)
    include_topic_authorized_operations: Boolean = wire(False, since=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataResponseBroker:
    """A broker and where clients reach it."""

    node_id: Int32
    host: String
    port: Int32
    rack: String | None = wire(None, since=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataResponsePartition:
    """Who leads a partition and who holds copies."""

    error_code: Int16
    partition_index: Int32
    leader_id: Int32
    leader_epoch: Int32 = wire(-1, since=7)
    replica_nodes: tuple[Int32, ...] = ()
    isr_nodes: tuple[Int32, ...] = ()
    offline_replicas: tuple[Int32, ...] = wire((), since=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataResponseTopic:
    """A topic and its partitions, or why it cannot be shown."""

    error_code: Int16
    name: String | None = wire(nullable_since=12)
    topic_id: Uuid = wire(NO_UUID, since=10)
    is_internal: Boolean = wire(False, since=1)
    partitions: tuple[MetadataResponsePartition, ...]
    topic_authorized_operations: Int32 = wire(-2147483648, since=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataResponse:
    """The cluster as this broker sees it."""

    throttle_time_ms: Int32 = wire(0, since=3)
    brokers: tuple[MetadataResponseBroker, ...]
    cluster_id: String | None = wire(None, since=2)
    controller_id: Int32 = wire(-1, since=1)
    topics: tuple[MetadataResponseTopic, ...]
    cluster_authorized_operations: Int32 = wire(-2147483648, since=8, until=10)
