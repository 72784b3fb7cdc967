"""ListTransactions (key 66): request and response, versions 0 to 1 (KIP-664, KIP-994)."""

from dataclasses import dataclass

from broker_core.protocol.message import wire
from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTransactionsRequest:
    """List transactional ids: of these states, these producers, running for longer than that."""

    state_filters: tuple[String, ...] = ()
    producer_id_filters: tuple[Int64, ...] = ()
    duration_filter: Int64 = wire(-1, since=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTransaction:
    """One transactional id."""

    transactional_id: String
    producer_id: Int64
    transaction_state: String


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTransactionsResponse:
    """Those that this node coordinates, and which of the states asked for do not exist."""

    throttle_time_ms: Int32 = wire(0)
    error_code: Int16
    unknown_state_filters: tuple[String, ...] = ()
    transaction_states: tuple[ListedTransaction, ...]
