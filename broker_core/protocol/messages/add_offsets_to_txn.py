"""AddOffsetsToTxn (key 25): request and response, versions 0 to 3."""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOffsetsToTxnRequest:
    """Say that a transaction will commit offsets of a group; begins it if none is under way."""

    transactional_id: String
    producer_id: Int64
    producer_epoch: Int16
    group_id: String


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOffsetsToTxnResponse:
    """Whether TxnOffsetCommit may follow."""

    throttle_time_ms: Int32 = 0
    error_code: Int16
