"""ConsumerGroupDescribe (key 69): request and response, versions 0 to 1."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Int8, Int16, Int32, String, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroupDescribeRequest:
    """Ask for the state and members of consumer groups (KIP-848)."""

    group_ids: tuple[String, ...] = ()
    include_authorized_operations: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTopicPartitions:
    """Partitions of one topic."""

    topic_id: Uuid
    topic_name: String
    partitions: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedAssignment:
    """What a member has, or shall have."""

    topic_partitions: tuple[DescribedTopicPartitions, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedConsumerGroupMember:
    """A member: its client, what it wants to read, has and shall have."""

    member_id: String
    instance_id: String | None = None
    rack_id: String | None = None
    member_epoch: Int32
    client_id: String
    client_host: String
    subscribed_topic_names: tuple[String, ...] = ()
    subscribed_topic_regex: String | None = None
    assignment: DescribedAssignment
    target_assignment: DescribedAssignment
    member_type: Int8 = wire(-1, since=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedConsumerGroup:
    """A group's epochs, its state by name, and its members."""

    error_code: Int16
    error_message: String | None = None
    group_id: String
    group_state: String
    group_epoch: Int32
    assignment_epoch: Int32
    assignor_name: String
    members: tuple[DescribedConsumerGroupMember, ...]
    authorized_operations: Int32 = -2147483648


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroupDescribeResponse:
    """One answer for each group."""

    throttle_time_ms: Int32 = 0
    groups: tuple[DescribedConsumerGroup, ...]
