"""AllocateProducerIds (key 67): request and response, version 0; for nodes alone."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, Int32, Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateProducerIdsRequest:
    """Ask for producer ids that nobody was ever given (KIP-730)."""

    broker_id: Int32
    broker_epoch: Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateProducerIdsResponse:
    """The first of the ids, and how many they are."""

    throttle_time_ms: Int32 = 0
    error_code: Int16
    producer_id_start: Int64 = -1
    producer_id_len: Int32 = 0
