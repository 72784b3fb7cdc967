"""API key 10002, VerifyTransaction, version 0: what a transaction has added; for nodes alone.

Asked by the leader of a partition before it takes a transaction's first batch.
"""

from broker_core.coordinator.cluster_coordinators import verified_topics
from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.errors import BrokerError
from broker_core.handlers.services import Call
from broker_core.protocol.messages.verify_transaction import (
    VerifyTransactionRequest,
    VerifyTransactionResponse,
)


async def handle(request: VerifyTransactionRequest, call: Call) -> VerifyTransactionResponse:
    """Answer for the transactional ids that this node coordinates."""
    producer = ProducerIdentity(request.producer_id, request.producer_epoch)
    asked = [(topic.name, number) for topic in request.topics for number in topic.partitions]
    try:
        found = await call.services.transactions.verify(request.transactional_id, producer, asked)
    except BrokerError as error:
        return VerifyTransactionResponse(error_code=error.code)
    return VerifyTransactionResponse(
        error_code=0,
        coordinator_epoch=found.coordinator_epoch,
        topics=verified_topics(sorted(found.partitions)),
    )
