"""API key 25, AddOffsetsToTxn, versions 0 to 3: a transaction commits offsets of a group.

The partition of __consumer_offsets that remembers the group becomes part of the transaction.

Not done: version 4 (KIP-890).
"""

from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.errors import (
    BrokerError,
    GroupAuthorizationFailed,
    TransactionalIdAuthorizationFailed,
)
from broker_core.handlers.fencing import fenced_code
from broker_core.handlers.internal_topics import make_sure_of
from broker_core.handlers.services import Call
from broker_core.log.file_layout import CONSUMER_OFFSETS
from broker_core.protocol.messages.add_offsets_to_txn import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
)

_KNOWS_PRODUCER_FENCED = 2


async def handle(request: AddOffsetsToTxnRequest, call: Call) -> AddOffsetsToTxnResponse:
    """Add the group's partition."""
    services = call.services
    producer = ProducerIdentity(request.producer_id, request.producer_epoch)
    try:
        if not call.may_use_transactional_id(request.transactional_id):
            raise TransactionalIdAuthorizationFailed(request.transactional_id)
        if not call.may_use_group(request.group_id):
            raise GroupAuthorizationFailed(request.group_id)
        await make_sure_of(CONSUMER_OFFSETS, call)
        partition = services.groups.offsets_partition(request.group_id)
        await services.transactions.add_partitions(request.transactional_id, producer, [partition])
    except BrokerError as error:
        code = fenced_code(error, call.version, _KNOWS_PRODUCER_FENCED)
        return AddOffsetsToTxnResponse(error_code=code)
    return AddOffsetsToTxnResponse(error_code=0)
