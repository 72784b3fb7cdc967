"""API key 0, Produce, versions 3 to 11: append record batches, answer once they are on disk.

Order of checks for each partition: authorization, existence, whether its transaction has added it
(which the coordinator is asked where a transaction begins), then those of the log (size, format,
CRC, producer sequence). Every partition has its own outcome. Batches that must be opened first
(compacted topics, ``compression.type``) are, off the loop and in order
(:mod:`broker_core.handlers.preparing`).
acks=1 waits for the group commit as acks=all does: one box has no second machine to remember.

Not done: current leader (KIP-951: there is one node).
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from broker_core import metrics
from broker_core.coordinator.transaction import ProducerIdentity, TopicPartition
from broker_core.coordinator.verification import Permit
from broker_core.errors import (
    BrokerError,
    InvalidProducerEpoch,
    InvalidRecord,
    InvalidRequiredAcks,
    NotEnoughReplicas,
    NotLeaderOrFollower,
    ProducerFenced,
    RequestTimedOut,
    StorageError,
    TopicAuthorizationFailed,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartition,
)
from broker_core.handlers.services import Call, is_internal
from broker_core.log.append_result import AppendResult
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.messages.produce import (
    BatchIndexAndErrorMessage,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceResponse,
)
from broker_core.protocol.record_batch import (
    BatchHeader,
    Bytes,
    is_transactional,
    read_header,
)
from broker_core.replication.replica import Replica

Permits = Mapping[TopicPartition, Permit]

# Why a batch is refused that will be sent again, and perhaps taken then.
_PASSING = (NotEnoughReplicas, NotLeaderOrFollower, StorageError)

MIN_TIMEOUT_SECONDS = 0.1  # a client that says 0 still wants its records kept


@dataclass(slots=True)
class _Outcome:
    """What became of one partition's batch; ``error`` may still be set while it is synced."""

    topic: str
    index: int
    replica: Replica | None = None
    result: AppendResult | None = None
    preparing: asyncio.Task[AppendResult] | None = None
    error: BrokerError | None = None
    is_acknowledged: bool = False


async def handle(request: ProduceRequest, call: Call) -> ProduceResponse | None:
    """Append everything at once, in request order, then wait for the disk."""
    if request.transactional_id is None:
        outcomes = await _append_all(request, call, {})
    else:
        async with call.services.verification.turn(request.transactional_id):
            permits = await _permits(request, request.transactional_id, call)
            outcomes = await _append_all(request, call, permits)
    if request.acks != 0:
        await _wait(outcomes, request.acks, request.timeout_ms / 1000)
    for outcome in outcomes:
        if outcome.error is not None:
            metrics.FAILED_PRODUCE.labels(outcome.error.code.name).inc()
    if request.acks == 0:
        return None
    answers = iter(outcomes)
    return ProduceResponse(
        responses=tuple(
            TopicProduceResponse(
                name=topic.name,
                partition_responses=tuple(_answer(next(answers)) for _ in topic.partition_data),
            )
            for topic in request.topic_data
        )
    )


async def _append_all(request: ProduceRequest, call: Call, permits: Permits) -> list[_Outcome]:
    """Append every batch; return when those that had to be prepared are appended too."""
    outcomes = [
        _append(request, topic.name, partition, call, permits)
        for topic in request.topic_data
        for partition in topic.partition_data
    ]
    for outcome in outcomes:
        if outcome.preparing is not None:
            await asyncio.wait([outcome.preparing])
            try:
                outcome.result = outcome.preparing.result()
            except BrokerError as error:
                outcome.error = error
    return outcomes


def _append(
    request: ProduceRequest,
    topic: str,
    partition: PartitionProduceData,
    call: Call,
    permits: Permits,
) -> _Outcome:
    outcome = _Outcome(topic, partition.index)
    try:
        _check(request, topic, call)
        outcome.replica = call.services.replicas.leading(topic, partition.index)
        records = partition.records or b""
        preparing = call.services.preparing
        if preparing.must_wait(outcome.replica.log, records):
            outcome.preparing = preparing.append(
                outcome.replica.log,
                records,
                partial(_append_now, request, outcome.replica, call, permits, prepared=True),
            )
        else:
            outcome.result = _append_now(request, outcome.replica, call, permits, records)
    except _PASSING as error:
        replica = outcome.replica or call.services.replicas.get(topic, partition.index)
        if replica is not None:
            _note_refusal(replica.log, partition.records or b"")
        outcome.error = error
    except BrokerError as error:
        outcome.error = error
    return outcome


def _append_now(
    request: ProduceRequest,
    replica: Replica,
    call: Call,
    permits: Permits,
    records: Bytes,
    *,
    prepared: bool = False,
) -> AppendResult:
    """Append a batch whose turn it is; its transaction may have ended while it was prepared."""
    topic = replica.log.topic
    if request.transactional_id is not None or is_transactional(records):
        _check_transaction(request.transactional_id, replica, records, permits, call)
    try:
        result = replica.append(records, acks=request.acks, prepared=prepared)
    except _PASSING:
        _note_refusal(replica.log, records)
        raise
    if not result.duplicate:
        metrics.MESSAGES_IN_OF[topic].inc(result.record_count)
        metrics.BYTES_IN_OF[topic].inc(len(records))
    return result


def _note_refusal(log: PartitionLog, records: Bytes) -> None:
    """Let what the producer has sent behind a batch wait until that is sent again."""
    with contextlib.suppress(BrokerError):  # it is no batch
        log.note_refusal(read_header(records))


def _check(request: ProduceRequest, topic: str, call: Call) -> None:
    if request.acks not in (-1, 0, 1):
        raise InvalidRequiredAcks(f"acks is {request.acks}, not -1, 0 or 1")
    if not call.may_write(topic) or is_internal(topic):
        raise TopicAuthorizationFailed(topic)
    call.services.logs.fault.check_budget()


async def _permits(request: ProduceRequest, transactional_id: str, call: Call) -> Permits:
    """Ask the coordinator about what would begin its transaction in a partition here."""
    if not call.may_use_transactional_id(transactional_id):
        return {}
    beginning: dict[ProducerIdentity, list[PartitionLog]] = {}
    for topic in request.topic_data:
        for partition in topic.partition_data:
            with contextlib.suppress(BrokerError):  # who appends says what is wrong with it
                replica = call.services.replicas.leading(topic.name, partition.index)
                header = read_header(partition.records or b"")
                if header.is_transactional and not _is_begun(replica.log, header):
                    producer = ProducerIdentity(header.producer_id, header.producer_epoch)
                    beginning.setdefault(producer, []).append(replica.log)
    permits: dict[TopicPartition, Permit] = {}
    for producer, logs in beginning.items():
        permits.update(await call.services.verification.permits(transactional_id, producer, logs))
    return permits


def _is_begun(log: PartitionLog, header: BatchHeader) -> bool:
    """Whether the log itself can judge a batch, by epoch and sequence."""
    return log.is_in_transaction(header.producer_id) or log.is_retry(header)


def _check_transaction(
    transactional_id: str | None, replica: Replica, records: Bytes, permits: Permits, call: Call
) -> None:
    """Let nobody begin what its coordinator would never end (KIP-890, "hanging transactions")."""
    header = read_header(records)
    if not header.is_transactional:
        return
    if transactional_id is None or not call.may_use_transactional_id(transactional_id):
        raise TransactionalIdAuthorizationFailed(str(transactional_id))
    log = replica.log
    if _is_begun(log, header):
        return
    try:
        permit = permits.get((log.topic, log.partition))
        if permit is None:  # it had begun when the coordinator could have been asked
            raise NotEnoughReplicas("the transaction was ended meanwhile")
        permit.check()
    except ProducerFenced as error:
        raise InvalidProducerEpoch(str(error)) from error
    except NotEnoughReplicas:
        log.refuse_unverified(header)
        raise


async def _wait(outcomes: list[_Outcome], acks: int, seconds: float) -> None:
    """Wait until everything appended is kept; what is not in time has that as its error."""
    try:
        async with asyncio.timeout(max(MIN_TIMEOUT_SECONDS, seconds)):
            for outcome in outcomes:
                if outcome.replica is not None and outcome.result is not None:
                    await _kept(outcome, outcome.replica, outcome.result.last_offset + 1, acks)
    except TimeoutError:
        for outcome in outcomes:
            if not outcome.is_acknowledged:
                outcome.error = outcome.error or RequestTimedOut("the disk took too long")


async def _kept(outcome: _Outcome, replica: Replica, end_offset: int, acks: int) -> None:
    try:
        await replica.acknowledged(end_offset, acks=acks)
    except (StorageError, NotLeaderOrFollower) as error:
        # Written and perhaps kept: clients take these two codes for "not written" and may cut the
        # batch anew, whose sequences would then match nothing. A time-out says "not known".
        outcome.error = RequestTimedOut(f"not known to be kept: {error}")
    except BrokerError as error:
        outcome.error = error
    else:
        outcome.is_acknowledged = True


def _answer(outcome: _Outcome) -> PartitionProduceResponse:
    if outcome.error is not None or outcome.result is None:
        error = outcome.error or UnknownTopicOrPartition(outcome.topic)
        return PartitionProduceResponse(
            index=outcome.index,
            error_code=error.code,
            base_offset=-1,
            record_errors=_record_errors(error),
            error_message=str(error),
        )
    return PartitionProduceResponse(
        index=outcome.index,
        error_code=0,
        base_offset=outcome.result.base_offset,
        log_append_time_ms=outcome.result.log_append_time_ms,
        log_start_offset=outcome.result.log_start_offset,
    )


def _record_errors(error: BrokerError) -> tuple[BatchIndexAndErrorMessage, ...]:
    """Which records are to blame (KIP-467): the client may send the others again."""
    if not isinstance(error, InvalidRecord):
        return ()
    return tuple(
        BatchIndexAndErrorMessage(batch_index=index, batch_index_error_message=str(error))
        for index in error.indexes
    )
