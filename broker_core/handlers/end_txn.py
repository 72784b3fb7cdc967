"""API key 26, EndTxn, versions 0 to 4: commit or abort.

The decision is on disk when the answer arrives, and normally so are the markers, so that the next
transaction can begin at once; where markers take long, they follow after the answer.

Not done: version 5 (a new epoch with every transaction, KIP-890).
"""

from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.errors import BrokerError, TransactionalIdAuthorizationFailed
from broker_core.handlers.fencing import fenced_code
from broker_core.handlers.services import Call
from broker_core.protocol.messages.end_txn import EndTxnRequest, EndTxnResponse

_KNOWS_PRODUCER_FENCED = 2


async def handle(request: EndTxnRequest, call: Call) -> EndTxnResponse:
    """Decide."""
    producer = ProducerIdentity(request.producer_id, request.producer_epoch)
    try:
        if not call.may_use_transactional_id(request.transactional_id):
            raise TransactionalIdAuthorizationFailed(request.transactional_id)
        await call.services.transactions.end(
            request.transactional_id, producer, committed=request.committed
        )
    except BrokerError as error:
        return EndTxnResponse(error_code=fenced_code(error, call.version, _KNOWS_PRODUCER_FENCED))
    return EndTxnResponse(error_code=0)
