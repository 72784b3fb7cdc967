"""JoinGroup (key 11): request and response, versions 0 to 9."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Bytes, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinGroupRequestProtocol:
    """An assignment protocol and what the member says under it; opaque."""

    name: String
    metadata: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinGroupRequest:
    """Become a member of a group, or stay one through a rebalance."""

    group_id: String
    session_timeout_ms: Int32
    rebalance_timeout_ms: Int32 = wire(-1, since=1)
    member_id: String
    group_instance_id: String | None = wire(None, since=5)
    protocol_type: String
    protocols: tuple[JoinGroupRequestProtocol, ...]
    reason: String | None = wire(None, since=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinGroupResponseMember:
    """A member as its leader must know it to assign partitions."""

    member_id: String
    group_instance_id: String | None = wire(None, since=5)
    metadata: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinGroupResponse:
    """The generation joined; only the leader is told the members."""

    throttle_time_ms: Int32 = wire(0, since=2)
    error_code: Int16
    generation_id: Int32 = -1
    protocol_type: String | None = wire(None, since=7)
    protocol_name: String | None = wire(nullable_since=7)
    leader: String
    skip_assignment: Boolean = wire(False, since=9)
    member_id: String
    members: tuple[JoinGroupResponseMember, ...]
