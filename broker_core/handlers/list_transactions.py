"""API key 66, ListTransactions, versions 0 to 1: the transactional ids that are known (KIP-664).

A node lists those that it coordinates and that the client may know of. A filter that is given
leaves only what it names; since version 1 also only what runs for longer than a time (KIP-994).

Not done: a pattern of ids (version 2).
"""

from collections.abc import Iterator

from broker_core.coordinator.transaction import Transaction, TransactionState
from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.list_transactions import (
    ListedTransaction,
    ListTransactionsRequest,
    ListTransactionsResponse,
)

_STATES = frozenset(state.title for state in TransactionState)


async def handle(request: ListTransactionsRequest, call: Call) -> ListTransactionsResponse:
    """List them."""
    return ListTransactionsResponse(
        error_code=ErrorCode.NONE,
        unknown_state_filters=tuple(
            state for state in request.state_filters if state not in _STATES
        ),
        transaction_states=tuple(
            ListedTransaction(
                transactional_id=one.transactional_id,
                producer_id=one.producer.producer_id,
                transaction_state=one.state.title,
            )
            for one in _wanted(request, call)
        ),
    )


def _wanted(request: ListTransactionsRequest, call: Call) -> Iterator[Transaction]:
    now_ms = call.services.clock.now_ms()
    for one in call.services.transactions.transactions.values():
        if one.is_unused or not call.may_see_transactional_id(one.transactional_id):
            continue
        if request.state_filters and one.state.title not in request.state_filters:
            continue
        producer_ids = request.producer_id_filters
        if producer_ids and one.producer.producer_id not in producer_ids:
            continue
        if request.duration_filter >= 0 and not one.runs_for_longer(
            request.duration_filter, now_ms
        ):
            continue
        yield one
