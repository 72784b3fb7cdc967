"""ConsumerGroupHeartbeat (key 68): request and response, versions 0 to 1."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, String, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedTopicPartitions:
    """Partitions of one topic that a member holds."""

    topic_id: Uuid
    partitions: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroupHeartbeatRequest:
    """Be a member of a consumer group: join it (epoch 0), stay (above), leave (-1, static -2).

    Null, and -1 for the timeout, say that nothing has changed since the last heartbeat.
    """

    group_id: String
    member_id: String
    member_epoch: Int32
    instance_id: String | None = None
    rack_id: String | None = None
    rebalance_timeout_ms: Int32 = -1
    subscribed_topic_names: tuple[String, ...] | None = None
    subscribed_topic_regex: String | None = wire(None, since=1)
    server_assignor: String | None = None
    topic_partitions: tuple[OwnedTopicPartitions, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedTopicPartitions:
    """Partitions of one topic that a member may read."""

    topic_id: Uuid
    partitions: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAssignment:
    """All that a member may read from now on."""

    topic_partitions: tuple[AssignedTopicPartitions, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerGroupHeartbeatResponse:
    """A member's epoch, and what it may read if that has changed."""

    throttle_time_ms: Int32 = 0
    error_code: Int16
    error_message: String | None = None
    member_id: String | None = None
    member_epoch: Int32 = 0
    heartbeat_interval_ms: Int32 = 0
    assignment: HeartbeatAssignment | None = None
