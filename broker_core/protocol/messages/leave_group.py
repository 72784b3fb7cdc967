"""LeaveGroup (key 13): request and response, versions 0 to 5."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberIdentity:
    """A member that leaves, by member id or by static instance id."""

    member_id: String
    group_instance_id: String | None = None
    reason: String | None = wire(None, since=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveGroupRequest:
    """Leave a group: one member up to version 2, several since 3."""

    group_id: String
    members: tuple[MemberIdentity, ...] = wire((), since=3)
    member_id: String = wire("", until=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberResponse:
    """Whether one member has left."""

    member_id: String
    group_instance_id: String | None
    error_code: Int16


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveGroupResponse:
    """The outcome for the group and, since version 3, for each member."""

    throttle_time_ms: Int32 = wire(0, since=1)
    error_code: Int16
    members: tuple[MemberResponse, ...] = wire((), since=3)
