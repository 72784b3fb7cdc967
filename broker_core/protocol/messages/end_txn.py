"""EndTxn (key 26): request and response, versions 0 to 4."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Boolean, Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTxnRequest:
    """Commit or abort a transaction."""

    transactional_id: String
    producer_id: Int64
    producer_epoch: Int16
    committed: Boolean


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTxnResponse:
    """Whether that is decided."""

    throttle_time_ms: Int32 = 0
    error_code: Int16
