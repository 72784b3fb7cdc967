"""DescribeTransactions (key 65): request and response, version 0 (KIP-664)."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeTransactionsRequest:
    """Ask what transactional ids have under way."""

    transactional_ids: tuple[String, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionTopic:
    """Partitions of one topic that a transaction writes to."""

    topic: String
    partitions: tuple[Int32, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedTransaction:
    """One transactional id, or why it is not told; the start is -1 while nothing is under way."""

    error_code: Int16
    transactional_id: String
    transaction_state: String
    transaction_timeout_ms: Int32
    transaction_start_time_ms: Int64
    producer_id: Int64
    producer_epoch: Int16
    topics: tuple[TransactionTopic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeTransactionsResponse:
    """The transactional ids, in the order of the request."""

    throttle_time_ms: Int32 = wire(0)
    transaction_states: tuple[DescribedTransaction, ...]
