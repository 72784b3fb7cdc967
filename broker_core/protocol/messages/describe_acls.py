"""DescribeAcls (key 29): request and response, versions 1 to 3."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeAclsRequest:
    """Ask for the entries that a filter matches; nulls match everything."""

    resource_type_filter: Int8
    resource_name_filter: String | None
    pattern_type_filter: Int8 = wire(3, since=1)
    principal_filter: String | None
    host_filter: String | None
    operation: Int8
    permission_type: Int8


@dataclass(frozen=True, slots=True, kw_only=True)
class AclDescription:
    """What an entry says of its resource pattern."""

    principal: String
    host: String
    operation: Int8
    permission_type: Int8


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeAclsResource:
    """A resource pattern and its entries."""

    resource_type: Int8
    resource_name: String
    pattern_type: Int8 = wire(3, since=1)
    acls: tuple[AclDescription, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeAclsResponse:
    """The entries, by resource pattern."""

    throttle_time_ms: Int32 = wire(0)
    error_code: Int16
    error_message: String | None
    resources: tuple[DescribeAclsResource, ...]
