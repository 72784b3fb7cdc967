"""OffsetCommit (key 8): request and response, versions 2 to 9."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitRequestPartition:
    """The next offset to read, and the client's own note."""

    partition_index: Int32
    committed_offset: Int64
    committed_leader_epoch: Int32 = wire(-1, since=6)
    committed_metadata: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitRequestTopic:
    """The partitions of one topic."""

    name: String
    partitions: tuple[OffsetCommitRequestPartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitRequest:
    """Remember how far a group has read."""

    group_id: String
    generation_id_or_member_epoch: Int32 = -1
    member_id: String
    group_instance_id: String | None = wire(None, since=7)
    retention_time_ms: Int64 = wire(-1, until=4)
    topics: tuple[OffsetCommitRequestTopic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitResponsePartition:
    """Whether the offset is remembered."""

    partition_index: Int32
    error_code: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitResponseTopic:
    """The partitions of one topic."""

    name: String
    partitions: tuple[OffsetCommitResponsePartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCommitResponse:
    """The outcome for every partition of the request."""

    throttle_time_ms: Int32 = wire(0, since=3)
    topics: tuple[OffsetCommitResponseTopic, ...]
