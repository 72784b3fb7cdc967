"""CreateAcls (key 30): request and response, versions 1 to 3."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class AclCreation:
    """One entry to add; numbers as in KIP-140 and KIP-290."""

    resource_type: Int8
    resource_name: String
    resource_pattern_type: Int8 = wire(3, since=1)
    principal: String
    host: String
    operation: Int8
    permission_type: Int8


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAclsRequest:
    """Add entries to the access control lists."""

    creations: tuple[AclCreation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AclCreationResult:
    """Whether an entry stands now."""

    error_code: Int16
    error_message: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAclsResponse:
    """One result for each entry, in the order of the request."""

    throttle_time_ms: Int32 = wire(0)
    results: tuple[AclCreationResult, ...]
