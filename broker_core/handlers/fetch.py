"""API key 1, Fetch, versions 4 to 12: whole batches up to the high watermark.

Waits until ``min_bytes`` can be answered or ``max_wait_ms`` is over; an error in any partition is
answered at once. The first partition that has anything gives at least one batch, however large, so
that a consumer never starves behind a batch larger than its limits (KIP-74). Partitions are served
in the order asked for, which clients rotate; in a fetch session whoever was served goes last
(``handlers/fetch_session.py``, KIP-227; versions from 7 on). Fetches of followers:
``handlers/replica_fetch.py``. A read_committed consumer gets what lies below the last stable
offset, and the aborted transactions in it, whose records it skips itself.

Not done: reading from followers (KIP-392). Versions 13 and later (topic ids).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from broker_core import metrics
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    TopicAuthorizationFailed,
    UnknownTopicOrPartition,
)
from broker_core.handlers import replica_fetch
from broker_core.handlers.fetch_session import FINAL_EPOCH, Found, Owner, Wanted
from broker_core.handlers.services import Call
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.messages.fetch import (
    AbortedTransaction,
    FetchRequest,
    FetchResponse,
    PartitionData,
)
from broker_core.replication.replica import Replica
from broker_core.replication.replicas import Replicas

MAX_WAIT_SECONDS = 60.0
CONSUMER = -1
READ_COMMITTED = 1


@dataclass(slots=True)
class _Read:
    """One partition of a fetch and what was read from it."""

    wanted: Wanted
    is_committed: bool
    replica: Replica | None = None
    records: bytes = b""
    error: BrokerError | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether it failed."""
        return self.error is not None

    @property
    def bounds(self) -> tuple[int, ...]:
        """What the client is told besides records."""
        assert self.replica is not None
        log = self.replica.log
        return log.log_start_offset, log.last_stable_offset, log.high_watermark

    def data(self) -> PartitionData:
        """Return it in the words of the response."""
        log = None if self.replica is None else self.replica.log
        asked = self.wanted.asked
        if self.error is not None or log is None:
            error = self.error or UnknownTopicOrPartition(self.wanted.topic)
            return PartitionData(
                partition_index=asked.partition,
                error_code=error.code,
                high_watermark=log.high_watermark if log else -1,
                log_start_offset=log.log_start_offset if log else -1,
                aborted_transactions=None,
                records=b"",
            )
        aborted = _aborted(log, asked.fetch_offset, self.records) if self.is_committed else None
        return PartitionData(
            partition_index=asked.partition,
            error_code=0,
            high_watermark=log.high_watermark,
            last_stable_offset=log.last_stable_offset,
            log_start_offset=log.log_start_offset,
            aborted_transactions=aborted,
            records=self.records,
        )


async def handle(request: FetchRequest, call: Call) -> FetchResponse:
    """Find out what is to be read, read it, and answer what of it is news."""
    is_follower = request.replica_id != CONSUMER
    if is_follower and not call.is_of_node:
        return FetchResponse(error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED, responses=())
    sessions = call.services.fetch_sessions
    owner = Owner(call.client.principal.name, is_follower)
    try:
        turn = sessions.turn(request, owner, _now_ms())
    except BrokerError as error:
        return FetchResponse(error_code=error.code, responses=())
    found: Sequence[Found]
    if is_follower:
        found = await replica_fetch.read(turn.wanted, request, call)
    else:
        found = await _read(turn.wanted, request, call)
    answer = turn.answer(found, _now_ms())
    if request.session_epoch != FINAL_EPOCH:
        metrics.FETCH_SESSIONS.set(len(sessions))
        metrics.FETCH_SESSION_PARTITIONS.set(sessions.partitions)
    return answer


async def _read(wanted: Sequence[Wanted], request: FetchRequest, call: Call) -> Sequence[_Read]:
    """Read for a consumer; if that is too little and nothing failed, wait and read again."""
    is_committed = request.isolation_level == READ_COMMITTED
    topics = {each.topic for each in wanted}
    may_read = {topic: call.may_read(topic) for topic in topics}
    reads = [
        _open(each, is_committed, may_read[each.topic], call.services.replicas) for each in wanted
    ]
    max_bytes = max(0, min(request.max_bytes, call.services.settings.max_fetch_bytes))

    def is_enough() -> bool:
        found = _read_all(reads, max_bytes)
        return found >= request.min_bytes or any(read.error for read in reads)

    if reads and not is_enough() and request.max_wait_ms > 0:
        await call.services.delayed.wait(
            [read.replica for read in reads if read.replica],
            seconds=min(request.max_wait_ms / 1000, MAX_WAIT_SECONDS),
            is_enough=is_enough,
        )
    for read in reads:
        if read.records:
            metrics.BYTES_OUT_OF[read.wanted.topic].inc(len(read.records))
    return reads


def _now_ms() -> int:
    """A clock that never jumps: no session ages because somebody set the time."""
    return int(time.monotonic() * 1000)


def _open(wanted: Wanted, is_committed: bool, may_read: bool, replicas: Replicas) -> _Read:
    read = _Read(wanted, is_committed)
    if may_read:
        try:
            read.replica = replica_fetch.leading(wanted, replicas)
        except BrokerError as error:
            read.error = error
    else:
        read.error = TopicAuthorizationFailed(wanted.topic)
    return read


def _read_all(reads: list[_Read], max_bytes: int) -> int:
    """Read every partition within the limits; return how many bytes were found."""
    found = 0
    for read in reads:
        if read.replica is None or read.error is not None:
            continue
        asked = read.wanted.asked
        room = min(max_bytes - found, asked.partition_max_bytes)
        try:
            read.replica.check_leader(asked.current_leader_epoch)
            read.records = read.replica.log.read(
                asked.fetch_offset,
                max(0, room),
                minimum_one=found == 0,
                committed=read.is_committed,
            )
        except BrokerError as error:
            read.records = b""
            read.error = error
        found += len(read.records)
    return found


def _aborted(log: PartitionLog, offset: int, records: bytes) -> tuple[AbortedTransaction, ...]:
    return tuple(
        AbortedTransaction(producer_id=one.producer_id, first_offset=one.first_offset)
        for one in log.aborted_in(offset, records)
    )
