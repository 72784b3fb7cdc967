"""DescribeGroups (key 15): request and response, versions 0 to 5."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Bytes, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeGroupsRequest:
    """Ask for the state and members of groups."""

    groups: tuple[String, ...] = ()
    include_authorized_operations: Boolean = wire(False, since=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedGroupMember:
    """A member, its client and what it reads; opaque."""

    member_id: String
    group_instance_id: String | None = wire(None, since=4)
    client_id: String
    client_host: String
    member_metadata: Bytes
    member_assignment: Bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedGroup:
    """A group's state and members."""

    error_code: Int16
    group_id: String
    group_state: String
    protocol_type: String
    protocol_data: String
    members: tuple[DescribedGroupMember, ...]
    authorized_operations: Int32 = wire(-2147483648, since=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeGroupsResponse:
    """The groups, in the order of the request."""

    throttle_time_ms: Int32 = wire(0, since=1)
    groups: tuple[DescribedGroup, ...]
