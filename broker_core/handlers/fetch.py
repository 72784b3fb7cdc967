"""API key 1, Fetch, versions 4 to 12: whole batches up to the high watermark.

Waits until ``min_bytes`` can be answered or ``max_wait_ms`` is over; an error in any partition is
answered at once. The first partition that has anything gives at least one batch, however large, so
that a consumer never starves behind a batch larger than its limits (KIP-74). Partitions are served
in the order asked for; clients rotate it. Fetches of followers: ``handlers/replica_fetch.py``. A
read_committed consumer gets what lies below the last stable offset, and the aborted transactions in
it, whose records it skips itself.

Not done: fetch sessions (KIP-227; the session id is always 0, which tells clients to send
everything each time), reading from followers (KIP-392). Versions 13 and later (topic ids).
"""

from dataclasses import dataclass

from broker_core import metrics
from broker_core.errors import (
    BrokerError,
    TopicAuthorizationFailed,
    UnknownTopicOrPartition,
)
from broker_core.handlers import replica_fetch
from broker_core.handlers.services import Call
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.messages.fetch import (
    AbortedTransaction,
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    PartitionData,
)
from broker_core.replication.replica import Replica

MAX_WAIT_SECONDS = 60.0
CONSUMER = -1
READ_COMMITTED = 1


@dataclass(slots=True)
class _Read:
    """One partition of the request and what was read from it."""

    topic: str
    asked: FetchPartition
    replica: Replica | None = None
    is_committed: bool = False
    records: bytes = b""
    error: BrokerError | None = None


async def handle(request: FetchRequest, call: Call) -> FetchResponse:
    """Read; if that is too little and nothing failed, wait and read again."""
    if request.replica_id != CONSUMER:
        return await replica_fetch.handle(request, call)
    reads = [
        _open(request, topic.topic, partition, call)
        for topic in request.topics
        for partition in topic.partitions
    ]
    max_bytes = max(0, min(request.max_bytes, call.services.settings.max_fetch_bytes))

    def is_enough() -> bool:
        found = _read_all(reads, max_bytes)
        return found >= request.min_bytes or any(read.error for read in reads)

    if not is_enough() and request.max_wait_ms > 0:
        await call.services.delayed.wait(
            [read.replica for read in reads if read.replica],
            seconds=min(request.max_wait_ms / 1000, MAX_WAIT_SECONDS),
            is_enough=is_enough,
        )
    for read in reads:
        if read.records:
            metrics.BYTES_OUT.labels(read.topic).inc(len(read.records))
    answers = iter(reads)
    return FetchResponse(
        throttle_time_ms=0,
        responses=tuple(
            FetchableTopicResponse(
                topic=topic.topic,
                partitions=tuple(_answer(next(answers)) for _ in topic.partitions),
            )
            for topic in request.topics
        ),
    )


def _open(request: FetchRequest, topic: str, asked: FetchPartition, call: Call) -> _Read:
    read = _Read(topic, asked, is_committed=request.isolation_level == READ_COMMITTED)
    if not call.may_read(topic):
        read.error = TopicAuthorizationFailed(topic)
        return read
    try:
        read.replica = call.services.replicas.leading(
            topic, asked.partition, asked.current_leader_epoch
        )
    except BrokerError as error:
        read.error = error
    return read


def _read_all(reads: list[_Read], max_bytes: int) -> int:
    """Read every partition within the limits; return how many bytes were found."""
    found = 0
    for read in reads:
        if read.replica is None or read.error is not None:
            continue
        room = min(max_bytes - found, read.asked.partition_max_bytes)
        try:
            read.replica.check_leader(read.asked.current_leader_epoch)
            read.records = read.replica.log.read(
                read.asked.fetch_offset,
                max(0, room),
                minimum_one=found == 0,
                committed=read.is_committed,
            )
        except BrokerError as error:
            read.records = b""
            read.error = error
        found += len(read.records)
    return found


def _answer(read: _Read) -> PartitionData:
    log = read.replica.log if read.replica else None
    if read.error is not None or log is None:
        error = read.error or UnknownTopicOrPartition(read.topic)
        return PartitionData(
            partition_index=read.asked.partition,
            error_code=error.code,
            high_watermark=log.high_watermark if log else -1,
            log_start_offset=log.log_start_offset if log else -1,
            aborted_transactions=None,
            records=b"",
        )
    return PartitionData(
        partition_index=read.asked.partition,
        error_code=0,
        high_watermark=log.high_watermark,
        last_stable_offset=log.last_stable_offset,
        log_start_offset=log.log_start_offset,
        aborted_transactions=_aborted(read, log) if read.is_committed else None,
        records=read.records,
    )


def _aborted(read: _Read, log: PartitionLog) -> tuple[AbortedTransaction, ...]:
    return tuple(
        AbortedTransaction(producer_id=one.producer_id, first_offset=one.first_offset)
        for one in log.aborted_in(read.asked.fetch_offset, read.records)
    )
