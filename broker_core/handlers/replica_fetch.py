"""Fetches of followers: everything up to the log's end, and a note of how far they are.

A follower says the offset from which on it wants more, so what it has on disk, and the leader epoch
of its last record. If the two logs part before that offset, it is told where (KIP-595). What it has
counts for the high watermark, so only a node of the cluster may ask.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from broker_core.errors import BrokerError
from broker_core.handlers.fetch_session import Wanted
from broker_core.handlers.services import Call
from broker_core.protocol.messages.fetch import (
    NOT_DIVERGING,
    EpochEndOffset,
    FetchPartition,
    FetchRequest,
    PartitionData,
)
from broker_core.replication.replica import Replica


@dataclass(slots=True)
class _Copy:
    """One partition of the request and what is sent of it."""

    asked: FetchPartition
    replica: Replica | None = None
    records: bytes = b""
    diverging: EpochEndOffset = NOT_DIVERGING
    error: BrokerError | None = None

    @property
    def is_final(self) -> bool:
        """Whether waiting would change nothing."""
        return self.error is not None or self.diverging is not NOT_DIVERGING


async def read(
    wanted: Sequence[Wanted], request: FetchRequest, call: Call
) -> Sequence[PartitionData]:
    """Take note of how far the follower is; return at once if there is more, else wait for it."""
    copies = [_open(topic, asked, request.replica_id, call) for topic, asked in wanted]

    def is_enough() -> bool:
        return _read_all(copies, request.max_bytes) >= request.min_bytes or any(
            copy.is_final for copy in copies
        )

    if not is_enough() and request.max_wait_ms > 0:
        await call.services.delayed.wait(
            [_End(copy.replica) for copy in copies if copy.replica is not None],
            seconds=request.max_wait_ms / 1000,
            is_enough=is_enough,
        )
    return [_answer(copy) for copy in copies]


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a leader's log, to be waited for."""

    replica: Replica

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        return self.replica.subscribe_to_end(listener)


def _open(topic: str, asked: FetchPartition, node_id: int, call: Call) -> _Copy:
    copy = _Copy(asked)
    try:
        copy.replica = call.services.replicas.leading(
            topic, asked.partition, asked.current_leader_epoch
        )
        word = copy.replica.followed(node_id, asked.fetch_offset, asked.last_fetched_epoch)
        if word is not None:
            copy.diverging = EpochEndOffset(epoch=word.epoch, end_offset=word.end_offset)
    except BrokerError as error:
        copy.error = error
    return copy


def _read_all(copies: list[_Copy], max_bytes: int) -> int:
    found = 0
    for copy in copies:
        if copy.replica is None or copy.is_final:
            continue
        room = max(0, min(max_bytes - found, copy.asked.partition_max_bytes))
        try:
            copy.replica.check_leader(copy.asked.current_leader_epoch)
            copy.records = copy.replica.read_to_end(
                copy.asked.fetch_offset, room, minimum_one=found == 0
            )
        except BrokerError as error:
            copy.records = b""
            copy.error = error
        found += len(copy.records)
    return found


def _answer(copy: _Copy) -> PartitionData:
    log = copy.replica.log if copy.replica else None
    return PartitionData(
        partition_index=copy.asked.partition,
        error_code=0 if copy.error is None else copy.error.code,
        high_watermark=log.high_watermark if log else -1,
        log_start_offset=log.log_start_offset if log else -1,
        diverging_epoch=copy.diverging,
        aborted_transactions=None,
        records=copy.records,
    )
