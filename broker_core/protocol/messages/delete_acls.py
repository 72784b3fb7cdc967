"""DeleteAcls (key 31): request and response, versions 1 to 3."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAclsFilter:
    """Which entries to remove; nulls match everything."""

    resource_type_filter: Int8
    resource_name_filter: String | None
    pattern_type_filter: Int8 = wire(3, since=1)
    principal_filter: String | None
    host_filter: String | None
    operation: Int8
    permission_type: Int8


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAclsRequest:
    """Remove entries from the access control lists."""

    filters: tuple[DeleteAclsFilter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAclsMatchingAcl:
    """An entry that was removed."""

    error_code: Int16 = 0
    error_message: String | None = None
    resource_type: Int8
    resource_name: String
    pattern_type: Int8 = wire(3, since=1)
    principal: String
    host: String
    operation: Int8
    permission_type: Int8


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAclsFilterResult:
    """What one filter removed."""

    error_code: Int16
    error_message: String | None
    matching_acls: tuple[DeleteAclsMatchingAcl, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteAclsResponse:
    """One result for each filter, in the order of the request."""

    throttle_time_ms: Int32 = wire(0)
    filter_results: tuple[DeleteAclsFilterResult, ...]
