"""ListPartitionReassignments (key 46): request and response, version 0."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTopic:
    """Partitions of one topic that are asked about."""

    name: String
    partition_indexes: tuple[Int32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPartitionReassignmentsRequest:
    """Ask which partitions are on their way to other nodes; null: all of them."""

    timeout_ms: Int32 = 60000
    topics: tuple[ListedTopic, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OngoingPartitionReassignment:
    """Who holds a partition, who shall, and who shall no longer."""

    partition_index: Int32
    replicas: tuple[Int32, ...]
    adding_replicas: tuple[Int32, ...]
    removing_replicas: tuple[Int32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OngoingTopicReassignment:
    """Partitions of one topic."""

    name: String
    partitions: tuple[OngoingPartitionReassignment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPartitionReassignmentsResponse:
    """The reassignments under way."""

    throttle_time_ms: Int32 = 0
    error_code: Int16 = 0
    error_message: String | None = None
    topics: tuple[OngoingTopicReassignment, ...] = ()
