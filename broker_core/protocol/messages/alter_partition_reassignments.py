"""AlterPartitionReassignments (key 45): request and response, version 0."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassignablePartition:
    """The nodes that shall hold a partition; null ends a reassignment under way."""

    partition_index: Int32
    replicas: tuple[Int32, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassignableTopic:
    """Partitions of one topic."""

    name: String
    partitions: tuple[ReassignablePartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterPartitionReassignmentsRequest:
    """Let other nodes hold partitions (KIP-455)."""

    timeout_ms: Int32 = 60000
    topics: tuple[ReassignableTopic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassignablePartitionResponse:
    """Whether the reassignment of one partition has begun, or ended."""

    partition_index: Int32
    error_code: Int16
    error_message: String | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassignableTopicResponse:
    """Partitions of one topic."""

    name: String
    partitions: tuple[ReassignablePartitionResponse, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlterPartitionReassignmentsResponse:
    """The outcome for every partition, or why nothing was looked at."""

    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: String | None = None
    responses: tuple[ReassignableTopicResponse, ...] = ()
