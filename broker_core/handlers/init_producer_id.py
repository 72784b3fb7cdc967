"""API key 22, InitProducerId, versions 0 to 4: an id that no other producer has ever had.

Not done: transactional ids are refused; a producer that brings its id and epoch (version 3) is
given a new id, which starts its sequences anew.
"""

from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)


async def handle(request: InitProducerIdRequest, call: Call) -> InitProducerIdResponse:
    """Give out the next id."""
    if not call.services.authorizer.may_produce_idempotently(call.client.principal):
        return InitProducerIdResponse(
            error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED, producer_id=-1, producer_epoch=-1
        )
    return await call.services.producer_ids.init(request)
