"""API key 28, TxnOffsetCommit, versions 0 to 3: offsets that count once the transaction does.

The transaction must be ongoing and have added the group (AddOffsetsToTxn). Since version 3 the
group's member is named, and one from an earlier generation is fenced (KIP-447).

Not done: versions 4 and later (KIP-890).
"""

from dataclasses import replace

from broker_core.coordinator.group_answers import txn_offset_commit_response
from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.error_codes import ErrorCode
from broker_core.errors import (
    BrokerError,
    CoordinatorLoadInProgress,
    NotEnoughReplicas,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
    error_of,
)
from broker_core.handlers.services import Call
from broker_core.protocol.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
)


async def handle(request: TxnOffsetCommitRequest, call: Call) -> TxnOffsetCommitResponse:
    """Commit what the client may, refuse the rest by topic."""
    try:
        await _check(request, call)
    except ProducerFenced:
        return _all(request, ErrorCode.INVALID_PRODUCER_EPOCH)
    except BrokerError as error:
        return _all(request, error.code)
    allowed = tuple(topic for topic in request.topics if call.may_read(topic.name))
    answer = await call.services.groups.commit_offsets_in_transaction(
        replace(request, topics=allowed)
    )
    codes = {
        (topic.name, partition.partition_index): partition.error_code
        for topic in answer.topics
        for partition in topic.partitions
    }
    refused = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    return txn_offset_commit_response(request, lambda each: codes.get(each, refused))


async def _check(request: TxnOffsetCommitRequest, call: Call) -> None:
    if not call.may_use_transactional_id(request.transactional_id):
        raise TransactionalIdAuthorizationFailed(request.transactional_id)
    if refusal := call.group_refusal(request.group_id):
        raise error_of(refusal, request.group_id)
    services = call.services
    log = services.replicas.leading(*services.groups.offsets_partition(request.group_id)).log
    if log.is_in_transaction(request.producer_id):
        return  # the log itself judges the epoch
    producer = ProducerIdentity(request.producer_id, request.producer_epoch)
    permits = await services.verification.permits(request.transactional_id, producer, [log])
    for permit in permits.values():
        try:
            permit.check()
        except NotEnoughReplicas as error:
            raise CoordinatorLoadInProgress(str(error)) from error


def _all(request: TxnOffsetCommitRequest, code: ErrorCode) -> TxnOffsetCommitResponse:
    return txn_offset_commit_response(request, lambda _: code)
