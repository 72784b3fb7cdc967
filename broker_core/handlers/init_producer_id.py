"""API key 22, InitProducerId, versions 0 to 4: a producer id and epoch that nobody else has.

Without a transactional id that is an id that no other producer has ever had. With one it is the
id's next epoch; what its former owner has under way is aborted before the answer. Since version 3 a
producer may ask for its own next epoch after an error (KIP-360).

Not done: two-phase commit (KIP-939). A producer without a transactional id that brings its id and
epoch is given a new id, as Apache Kafka does.
"""

from broker_core.coordinator.transaction_registry import expected_producer
from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    CoordinatorNotAvailable,
    TransactionalIdAuthorizationFailed,
)
from broker_core.handlers.fencing import fenced_code
from broker_core.handlers.services import Call
from broker_core.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)

_KNOWS_PRODUCER_FENCED = 4


async def handle(request: InitProducerIdRequest, call: Call) -> InitProducerIdResponse:
    """Give out an id, or an epoch."""
    try:
        producer_id, epoch = await _init(request, call)
    except BrokerError as error:
        code = fenced_code(error, call.version, _KNOWS_PRODUCER_FENCED)
        return InitProducerIdResponse(error_code=code, producer_id=-1, producer_epoch=-1)
    return InitProducerIdResponse(error_code=0, producer_id=producer_id, producer_epoch=epoch)


async def _init(request: InitProducerIdRequest, call: Call) -> tuple[int, int]:
    services = call.services
    if request.transactional_id is None:
        if not services.authorizer.may_produce_idempotently(call.client.principal):
            raise ClusterAuthorizationFailed("idempotent producing")
        try:
            return await services.producer_ids.allocate(), 0
        except BrokerError as error:
            raise CoordinatorNotAvailable(str(error)) from error
    if not call.may_use_transactional_id(request.transactional_id):
        raise TransactionalIdAuthorizationFailed(request.transactional_id)
    producer = await services.transactions.init_producer(
        request.transactional_id,
        expected_producer(request.producer_id, request.producer_epoch),
        request.transaction_timeout_ms,
    )
    return producer.producer_id, producer.epoch
