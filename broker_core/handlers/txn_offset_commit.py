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
        _check(request, call)
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


def _check(request: TxnOffsetCommitRequest, call: Call) -> None:
    if not call.may_use_transactional_id(request.transactional_id):
        raise TransactionalIdAuthorizationFailed(request.transactional_id)
    if refusal := call.group_refusal(request.group_id):
        raise error_of(refusal, request.group_id)
    services = call.services
    services.transactions.check_writing(
        request.transactional_id,
        ProducerIdentity(request.producer_id, request.producer_epoch),
        services.groups.offsets_partition(request.group_id),
    )


def _all(request: TxnOffsetCommitRequest, code: ErrorCode) -> TxnOffsetCommitResponse:
    return txn_offset_commit_response(request, lambda _: code)
