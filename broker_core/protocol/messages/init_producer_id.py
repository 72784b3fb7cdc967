"""InitProducerId (key 22): request and response, versions 0 to 4."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class InitProducerIdRequest:
    """Ask for a producer id; with a transactional id, fence its earlier owner."""

    transactional_id: String | None
    transaction_timeout_ms: Int32
    producer_id: Int64 = wire(-1, since=3)
    producer_epoch: Int16 = wire(-1, since=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitProducerIdResponse:
    """A producer id and epoch nobody else has."""

    throttle_time_ms: Int32 = 0
    error_code: Int16
    producer_id: Int64 = -1
    producer_epoch: Int16
