"""OffsetFetch (key 9): request and response, versions 1 to 9."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchRequestTopics:
    """Partitions of a topic, since version 8."""

    name: String
    partition_indexes: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchRequestGroup:
    """A group and the partitions asked for, null for all; since version 8."""

    group_id: String
    member_id: String | None = wire(None, since=9)
    member_epoch: Int32 = wire(-1, since=9)
    topics: tuple[OffsetFetchRequestTopics, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchRequestTopic:
    """Partitions of a topic, up to version 7."""

    name: String
    partition_indexes: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchRequest:
    """Ask how far groups have read: one group up to version 7, several since 8."""

    groups: tuple[OffsetFetchRequestGroup, ...] = wire((), since=8)
    group_id: String = wire("", until=7)
    topics: tuple[OffsetFetchRequestTopic, ...] | None = wire((), until=7, nullable_since=2)
    require_stable: Boolean = wire(False, since=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchResponsePartitions:
    """A committed offset, -1 if there is none; since version 8."""

    partition_index: Int32
    committed_offset: Int64
    committed_leader_epoch: Int32 = -1
    metadata: String | None
    error_code: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchResponseTopics:
    """The partitions of one topic, since version 8."""

    name: String
    partitions: tuple[OffsetFetchResponsePartitions, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchResponseGroup:
    """The committed offsets of one group, since version 8."""

    group_id: String
    topics: tuple[OffsetFetchResponseTopics, ...]
    error_code: Int16 = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchResponsePartition:
    """A committed offset, -1 if there is none; up to version 7."""

    partition_index: Int32
    committed_offset: Int64
    committed_leader_epoch: Int32 = wire(-1, since=5)
    metadata: String | None
    error_code: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchResponseTopic:
    """The partitions of one topic, up to version 7."""

    name: String
    partitions: tuple[OffsetFetchResponsePartition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetFetchResponse:
    """Committed offsets, in the request's form."""

    throttle_time_ms: Int32 = wire(0, since=3)
    groups: tuple[OffsetFetchResponseGroup, ...] = wire((), since=8)
    topics: tuple[OffsetFetchResponseTopic, ...] = wire((), until=7)
    error_code: Int16 = wire(0, since=2, until=7)
