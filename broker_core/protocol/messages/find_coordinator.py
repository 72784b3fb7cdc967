"""FindCoordinator (key 10): request and response, versions 0 to 4."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int8, Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCoordinatorRequest:
    """Who coordinates a group (key type 0) or a transactional id (1)."""

    key: String = wire("", until=3)
    key_type: Int8 = wire(0, since=1)
    coordinator_keys: tuple[String, ...] = wire((), since=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinator:
    """The coordinator of one key, since version 4."""

    key: String
    node_id: Int32
    host: String
    port: Int32
    error_code: Int16
    error_message: String | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindCoordinatorResponse:
    """The coordinators, in the request's form."""

    throttle_time_ms: Int32 = wire(0, since=1)
    coordinators: tuple[Coordinator, ...] = wire((), since=4)
    error_code: Int16 = wire(0, until=3)
    error_message: String | None = wire(None, since=1, until=3)
    node_id: Int32 = wire(0, until=3)
    host: String = wire("", until=3)
    port: Int32 = wire(0, until=3)
