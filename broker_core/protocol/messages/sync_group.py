"""SyncGroup (key 14): request and response, versions 0 to 5."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Bytes, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGroupRequestAssignment:
    """What the leader assigned to one member; opaque."""

    member_id: String
    assignment: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGroupRequest:
    """Ask for this member's assignment; the leader brings everybody's."""

    group_id: String
    generation_id: Int32
    member_id: String
    group_instance_id: String | None = wire(None, since=3)
    protocol_type: String | None = wire(None, since=5)
    protocol_name: String | None = wire(None, since=5)
    assignments: tuple[SyncGroupRequestAssignment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncGroupResponse:
    """This member's assignment; opaque."""

    throttle_time_ms: Int32 = wire(0, since=1)
    error_code: Int16
    protocol_type: String | None = wire(None, since=5)
    protocol_name: String | None = wire(None, since=5)
    assignment: Bytes
