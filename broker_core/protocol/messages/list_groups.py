"""ListGroups (key 16): request and response, versions 0 to 5."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroupsRequest:
    """List groups, since version 4 only those in the states named, since 5 of the types named."""

    states_filter: tuple[String, ...] = wire((), since=4)
    types_filter: tuple[String, ...] = wire((), since=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGroup:
    """A group and the kind of protocol it uses."""

    group_id: String
    protocol_type: String
    group_state: String = wire("", since=4)
    group_type: String = wire("", since=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGroupsResponse:
    """The groups this broker coordinates."""

    throttle_time_ms: Int32 = wire(0, since=1)
    error_code: Int16
    groups: tuple[ListedGroup, ...]
