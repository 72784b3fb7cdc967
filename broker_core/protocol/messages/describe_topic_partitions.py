"""DescribeTopicPartitions (key 75): request and response, version 0 (KIP-966)."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Int16, Int32, String, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTopicName:
    """A topic that is asked for."""

    name: String


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The first partition of the next page."""

    topic_name: String
    partition_index: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeTopicPartitionsRequest:
    """Describe the partitions of topics page by page; no topics: all of them."""

    topics: tuple[DescribedTopicName, ...]
    response_partition_limit: Int32 = wire(2000)
    cursor: Cursor | None = wire(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedPartition:
    """Who leads a partition and who holds copies."""

    error_code: Int16
    partition_index: Int32
    leader_id: Int32
    leader_epoch: Int32 = wire(-1)
    replica_nodes: tuple[Int32, ...] = ()
    isr_nodes: tuple[Int32, ...] = ()
    eligible_leader_replicas: tuple[Int32, ...] | None = wire(None)
    last_known_elr: tuple[Int32, ...] | None = wire(None)
    offline_replicas: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTopic:
    """A topic and those of its partitions that are on the page, or why it cannot be shown."""

    error_code: Int16
    name: String | None
    topic_id: Uuid
    is_internal: Boolean = wire(False)
    partitions: tuple[DescribedPartition, ...]
    topic_authorized_operations: Int32 = wire(-2147483648)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeTopicPartitionsResponse:
    """One page; null for a cursor: the last one."""

    throttle_time_ms: Int32 = wire(0)
    topics: tuple[DescribedTopic, ...]
    next_cursor: Cursor | None = wire(None)
