"""API key 65, DescribeTransactions, version 0: what transactional ids have under way (KIP-664).

Their coordinator answers; another node of a cluster says that it is not. Of the partitions of a
transaction those are told whose topic the client may see.

Not done: nothing that is known of.
"""

from itertools import groupby

from broker_core.coordinator.transaction import Transaction
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    TransactionalIdAuthorizationFailed,
    TransactionalIdNotFound,
)
from broker_core.handlers.services import Call
from broker_core.protocol.messages.describe_transactions import (
    DescribedTransaction,
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    TransactionTopic,
)


async def handle(request: DescribeTransactionsRequest, call: Call) -> DescribeTransactionsResponse:
    """Describe each; each has its own outcome."""
    return DescribeTransactionsResponse(
        transaction_states=tuple(_answer(one, call) for one in request.transactional_ids)
    )


def _answer(transactional_id: str, call: Call) -> DescribedTransaction:
    try:
        if not call.may_see_transactional_id(transactional_id):
            raise TransactionalIdAuthorizationFailed(transactional_id)
        found = call.services.transactions.find(transactional_id)
        if found is None or found.is_unused:
            raise TransactionalIdNotFound(transactional_id)
    except BrokerError as error:
        return DescribedTransaction(
            error_code=error.code,
            transactional_id=transactional_id,
            transaction_state="",
            transaction_timeout_ms=0,
            transaction_start_time_ms=-1,
            producer_id=-1,
            producer_epoch=-1,
            topics=(),
        )
    return DescribedTransaction(
        error_code=ErrorCode.NONE,
        transactional_id=transactional_id,
        transaction_state=found.state.title,
        transaction_timeout_ms=found.timeout_ms,
        transaction_start_time_ms=found.started_ms,
        producer_id=found.producer.producer_id,
        producer_epoch=found.producer.epoch,
        topics=_topics(found, call),
    )


def _topics(transaction: Transaction, call: Call) -> tuple[TransactionTopic, ...]:
    visible = sorted(one for one in transaction.partitions if call.may_see(one[0]))
    return tuple(
        TransactionTopic(topic=topic, partitions=tuple(number for _, number in partitions))
        for topic, partitions in groupby(visible, lambda one: one[0])
    )
