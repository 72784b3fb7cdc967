"""API key 21, DeleteRecords, versions 0 to 2: forget the oldest records of partitions.

The new log start is on disk when the answer arrives; the files go when retention next looks. In a
cluster the answer waits, within the request's time limit, until the copies on live nodes start
there, too (KIP-107); copies hear of it as soon as they fetch next. A node that asks because it
lacks room is answered at once: it sees by itself when its copies have followed.

Not done: compacted topics refuse it in Kafka; here they do not.
"""

import asyncio
from dataclasses import dataclass

from broker_core.acl import Operation, ResourceType
from broker_core.errors import BrokerError, RequestTimedOut, TopicAuthorizationFailed
from broker_core.handlers.services import Call, is_internal
from broker_core.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)
from broker_core.replication.replica import Replica

HIGH_WATERMARK = -1
UNKNOWN = -1  # no low watermark


@dataclass(slots=True)
class _Outcome:
    """What became of one partition; ``error`` may still be set while copies are waited for."""

    index: int
    replica: Replica | None = None
    log_start: int = UNKNOWN
    error: BrokerError | None = None

    @property
    def result(self) -> DeleteRecordsPartitionResult:
        """It in the words of the response."""
        return DeleteRecordsPartitionResult(
            partition_index=self.index,
            low_watermark=UNKNOWN if self.replica is None else self.replica.low_watermark,
            error_code=0 if self.error is None else self.error.code,
        )


async def handle(request: DeleteRecordsRequest, call: Call) -> DeleteRecordsResponse:
    """Move the log starts one after the other; each has its own outcome; then wait for copies."""
    outcomes = [
        (topic.name, [await _move(topic.name, partition, call) for partition in topic.partitions])
        for topic in request.topics
    ]
    if not call.is_of_node:
        every = [outcome for _, found in outcomes for outcome in found]
        await _wait(every, max(0, request.timeout_ms) / 1000)
    return DeleteRecordsResponse(
        topics=tuple(
            DeleteRecordsTopicResult(name=name, partitions=tuple(one.result for one in found))
            for name, found in outcomes
        )
    )


async def _move(topic: str, asked: DeleteRecordsPartition, call: Call) -> _Outcome:
    outcome = _Outcome(asked.partition_index)
    try:
        if not call.may(Operation.DELETE, ResourceType.TOPIC, topic) or is_internal(topic):
            raise TopicAuthorizationFailed(topic)
        replica = call.services.replicas.leading(topic, asked.partition_index)
        log = replica.log
        offset = log.high_watermark if asked.offset == HIGH_WATERMARK else asked.offset
        outcome.log_start = log.truncate_before(offset)
        await call.services.commit.flush(log)
        outcome.replica = replica
    except BrokerError as error:
        outcome.error = error
    return outcome


async def _wait(outcomes: list[_Outcome], seconds: float) -> None:
    """Wait until no live copy has what was forgotten; whoever is late has timed out."""
    waits = {
        outcome.replica.forgotten(outcome.log_start): outcome
        for outcome in outcomes
        if outcome.replica is not None
    }
    if not waits:
        return
    done, late = await asyncio.wait(waits, timeout=seconds)
    for future in late:
        future.cancel()
        waits[future].error = RequestTimedOut("a copy has the records still")
    for future in done:
        error = future.exception()
        if isinstance(error, BrokerError):
            waits[future].error = error
