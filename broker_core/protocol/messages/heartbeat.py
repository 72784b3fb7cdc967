"""Heartbeat (key 12): request and response, versions 0 to 4."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, String


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatRequest:
    """A member is alive."""

    group_id: String
    generation_id: Int32
    member_id: String
    group_instance_id: String | None = wire(None, since=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatResponse:
    """Whether the member still belongs to the generation."""

    throttle_time_ms: Int32 = wire(0, since=1)
    error_code: Int16
