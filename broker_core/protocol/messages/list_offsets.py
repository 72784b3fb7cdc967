"""ListOffsets (key 2): request and response, versions 1 to 8."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOffsetsPartition:
    """The time to look up: ms since 1970, or -1 latest, -2 earliest, -3 of the largest time."""

    partition_index: Int32
    current_leader_epoch: Int32 = wire(-1, since=4)
    timestamp: Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOffsetsTopic:
    """The partitions of one topic."""

    name: String
    partitions: tuple[ListOffsetsPartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOffsetsRequest:
    """Look up offsets by time."""

    replica_id: Int32
    isolation_level: Int8 = wire(0, since=2)
    topics: tuple[ListOffsetsTopic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOffsetsPartitionResponse:
    """The first offset at or after the time asked for, -1 if there is none."""

    partition_index: Int32
    error_code: Int16
    timestamp: Int64 = -1
    offset: Int64 = -1
    leader_epoch: Int32 = wire(-1, since=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOffsetsTopicResponse:
    """The partitions of one topic."""

    name: String
    partitions: tuple[ListOffsetsPartitionResponse, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOffsetsResponse:
    """The offsets, in the order of the request."""

    throttle_time_ms: Int32 = wire(0, since=2)
    topics: tuple[ListOffsetsTopicResponse, ...]
