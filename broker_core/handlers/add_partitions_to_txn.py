"""API key 24, AddPartitionsToTxn, versions 0 to 3: which partitions a transaction writes to.

All of them are added or none: one that does not exist, or that the client may not use, has the
others answered with OPERATION_NOT_ATTEMPTED.

Not done: versions 4 and later (several transactions in one request, and verifying only; KIP-890).
"""

from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.error_codes import ErrorCode
from broker_core.errors import BrokerError, TransactionalIdAuthorizationFailed
from broker_core.handlers.fencing import fenced_code
from broker_core.handlers.services import Call, is_internal
from broker_core.protocol.messages.add_partitions_to_txn import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopicResult,
)

_KNOWS_PRODUCER_FENCED = 2


async def handle(request: AddPartitionsToTxnRequest, call: Call) -> AddPartitionsToTxnResponse:
    """Check every partition, then add them in one step."""
    asked = [
        (topic.name, partition)
        for topic in request.v3_and_below_topics
        for partition in topic.partitions
    ]
    errors = {each: _error(*each, call) for each in asked}
    if any(errors.values()):
        errors = {
            each: error or ErrorCode.OPERATION_NOT_ATTEMPTED for each, error in errors.items()
        }
    else:
        errors = dict.fromkeys(asked, await _add(request, asked, call))
    return AddPartitionsToTxnResponse(
        results_by_topic_v3_and_below=tuple(
            AddPartitionsToTxnTopicResult(
                name=topic.name,
                results_by_partition=tuple(
                    AddPartitionsToTxnPartitionResult(
                        partition_index=partition,
                        partition_error_code=errors[topic.name, partition],
                    )
                    for partition in topic.partitions
                ),
            )
            for topic in request.v3_and_below_topics
        )
    )


def _error(topic: str, partition: int, call: Call) -> ErrorCode:
    if not call.may_write(topic) or is_internal(topic):
        return ErrorCode.TOPIC_AUTHORIZATION_FAILED
    known = call.services.topology.state.topics.get(topic)
    if known is None or not 0 <= partition < len(known.partitions):
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.NONE


async def _add(
    request: AddPartitionsToTxnRequest, asked: list[tuple[str, int]], call: Call
) -> ErrorCode:
    transactional_id = request.v3_and_below_transactional_id
    producer = ProducerIdentity(
        request.v3_and_below_producer_id, request.v3_and_below_producer_epoch
    )
    try:
        if not call.may_use_transactional_id(transactional_id):
            raise TransactionalIdAuthorizationFailed(transactional_id)
        await call.services.transactions.add_partitions(transactional_id, producer, asked)
    except BrokerError as error:
        return fenced_code(error, call.version, _KNOWS_PRODUCER_FENCED)
    return ErrorCode.NONE
