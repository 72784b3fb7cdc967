"""BrokerHeartbeat (key 63): request and response, version 1; for nodes alone."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Boolean, Int16, Int32, Int64, Uuid


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerHeartbeatRequest:
    """A node still lives; ``current_metadata_offset`` is the version of the state it knows."""

    broker_id: Int32
    broker_epoch: Int64
    current_metadata_offset: Int64
    want_fence: Boolean
    want_shut_down: Boolean
    offline_log_dirs: tuple[Uuid, ...] = wire((), tag=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerHeartbeatResponse:
    """Whether the node may lead, and whether it may go."""

    throttle_time_ms: Int32 = 0
    error_code: Int16
    is_caught_up: Boolean = False
    is_fenced: Boolean = True
    should_shut_down: Boolean = False
