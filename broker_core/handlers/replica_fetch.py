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
    FetchRequest,
    PartitionData,
)
from broker_core.replication.replica import Replica
from broker_core.replication.replicas import Replicas


@dataclass(slots=True)
class _Copy:
    """One partition of a fetch and what is sent of it."""

    wanted: Wanted
    replica: Replica | None = None
    records: bytes = b""
    diverging: EpochEndOffset = NOT_DIVERGING
    error: BrokerError | None = None

    @property
    def is_trouble(self) -> bool:
        """Whether waiting would change nothing."""
        return self.error is not None or self.diverging is not NOT_DIVERGING

    @property
    def bounds(self) -> tuple[int, ...]:
        """What the follower is told besides records."""
        assert self.replica is not None
        return self.replica.log.log_start_offset, self.replica.log.high_watermark

    def data(self) -> PartitionData:
        """Return it in the words of the response."""
        log = self.replica.log if self.replica else None
        return PartitionData(
            partition_index=self.wanted.asked.partition,
            error_code=0 if self.error is None else self.error.code,
            high_watermark=log.high_watermark if log else -1,
            log_start_offset=log.log_start_offset if log else -1,
            diverging_epoch=self.diverging,
            aborted_transactions=None,
            records=self.records,
        )


def leading(wanted: Wanted, replicas: Replicas) -> Replica:
    """Return the partition, which this node leads; a session remembers it from fetch to fetch.

    Raises:
        UnknownTopicOrPartition, NotLeaderOrFollower, FencedLeaderEpoch, UnknownLeaderEpoch: See
            ``Replicas.leading``; whoever reads from it asks ``check_leader`` again.
    """
    known = wanted.kept
    if isinstance(known, Replica) and not known.log.is_deleted:
        return known
    asked = wanted.asked
    found = replicas.leading(wanted.topic, asked.partition, asked.current_leader_epoch)
    wanted.kept = found
    return found


async def read(wanted: Sequence[Wanted], request: FetchRequest, call: Call) -> Sequence[_Copy]:
    """Take note of how far the follower is; return at once if there is more, else wait for it."""
    copies = [_open(each, request.replica_id, call) for each in wanted]

    def is_enough() -> bool:
        return _read_all(copies, request.max_bytes) >= request.min_bytes or any(
            copy.is_trouble for copy in copies
        )

    if not is_enough() and request.max_wait_ms > 0:
        await call.services.delayed.wait(
            [_End(copy.replica) for copy in copies if copy.replica is not None],
            seconds=request.max_wait_ms / 1000,
            is_enough=is_enough,
        )
    return copies


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a leader's log, to be waited for."""

    replica: Replica

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        return self.replica.subscribe_to_end(listener)


def _open(wanted: Wanted, node_id: int, call: Call) -> _Copy:
    copy = _Copy(wanted)
    asked = wanted.asked
    try:
        copy.replica = leading(wanted, call.services.replicas)
        copy.replica.check_leader(asked.current_leader_epoch)
        word = copy.replica.followed(
            node_id,
            asked.fetch_offset,
            asked.last_fetched_epoch,
            log_start=asked.log_start_offset,
        )
        if word is not None:
            copy.diverging = EpochEndOffset(epoch=word.epoch, end_offset=word.end_offset)
    except BrokerError as error:
        copy.error = error
    return copy


def _read_all(copies: list[_Copy], max_bytes: int) -> int:
    found = 0
    for copy in copies:
        if copy.replica is None or copy.is_trouble:
            continue
        asked = copy.wanted.asked
        room = max(0, min(max_bytes - found, asked.partition_max_bytes))
        try:
            copy.replica.check_leader(asked.current_leader_epoch)
            copy.records = copy.replica.read_to_end(
                asked.fetch_offset, room, minimum_one=found == 0
            )
        except BrokerError as error:
            copy.records = b""
            copy.error = error
        found += len(copy.records)
    return found
