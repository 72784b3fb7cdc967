"""Replica: one partition as this node has it; here the only one there is, so it always leads.

What handlers and coordinators may do with a partition: append to it as its leader, wait until that
is acknowledged, read it. On one node a record is committed once it is on disk. For the event loop.
"""

import asyncio
from collections.abc import Callable

from broker_core.errors import NotLeaderOrFollower, UnknownLeaderEpoch
from broker_core.log.append_result import AppendResult
from broker_core.log.group_commit import GroupCommit
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.control_record import Marker
from broker_core.protocol.record_batch import Bytes
from broker_core.replication.leader_epoch import EpochEnd, LeaderEpochs

NOT_TOLD = -1  # the client does not say which leader epoch it knows
ACKS_ALL = -1


class Replica:
    """A partition without copies elsewhere.

    Attributes:
        log: Its records on this node.
        leader_epoch: Grows with every change of leader; one node has never had another.
    """

    def __init__(self, log: PartitionLog, commit: GroupCommit) -> None:
        self.log = log
        self.leader_epoch = 0
        self._commit = commit
        self._markers_end = 0

    def check_leader(self, current_leader_epoch: int = NOT_TOLD) -> None:
        """Do nothing while this node leads, in the epoch that the client knows.

        Raises:
            NotLeaderOrFollower: Another node leads.
            FencedLeaderEpoch: The client knows an earlier leader.
            UnknownLeaderEpoch: The client knows a later one.
        """
        if current_leader_epoch > self.leader_epoch:
            raise UnknownLeaderEpoch(f"leader epoch {current_leader_epoch}")

    def append(
        self,
        batch: Bytes,
        *,
        acks: int = ACKS_ALL,
        sequenced: bool = True,
        prepared: bool = False,
    ) -> AppendResult:
        """Append one record batch as the leader; wait for :meth:`acknowledged` before saying so.

        Args:
            sequenced: False for what a coordinator writes in a producer's name.
            prepared: True for what ``batch_check.prepare`` returned.

        Raises:
            NotLeaderOrFollower: Another node leads.
            NotEnoughReplicas: acks is all and fewer are in sync than the topic wants.
            BrokerError: The log refuses it, see ``PartitionLog.append``.
        """
        result = self.log.append(batch, self.leader_epoch, sequenced=sequenced, prepared=prepared)
        self._written()
        return result

    def end_transaction(self, marker: Marker) -> int:
        """Append a transaction marker as the leader; return its offset, acknowledged likewise.

        Raises:
            NotLeaderOrFollower: Another node leads.
            NotEnoughReplicas: Fewer are in sync than the topic wants.
            BrokerError: The log refuses it, see ``PartitionLog.end_transaction``.
        """
        offset = self.log.end_transaction(marker, self.leader_epoch)
        self._commit.request(self.log)
        self._markers_end = offset + 1
        return offset

    def acknowledged(self, end_offset: int, *, acks: int = ACKS_ALL) -> asyncio.Future[None]:
        """Return what is done once the records before ``end_offset`` may be acknowledged.

        With ``flush.ms`` that is at once, but for transaction markers: a coordinator takes what is
        acknowledged for kept, and would leave a transaction open that lost its marker.

        Args:
            end_offset: One more than the last offset that matters, at most the log's end.
            acks: 1: they are on this node's disk; -1: on that of every in-sync replica.

        Raises:
            StorageError: They are not known to be on disk, and will not be.
            UnknownTopicOrPartition: The topic was deleted meanwhile.
            NotLeaderOrFollower: Another node leads now: the records may be gone or stay.
            NotEnoughReplicasAfterAppend: They are kept, but by fewer than the topic wants.
        """
        if self.log.config.is_flushed_lazily:
            end_offset = min(end_offset, self._markers_end)
        return self._commit.durable(self.log, end_offset)

    def _written(self) -> None:
        """See to it that what was appended is synced, at once or in time."""
        log = self.log
        if log.config.is_flushed_lazily:
            log.commit_written()
        if log.config.is_flushed_lazily and not log.must_sync_soon:
            self._commit.request_within(log, log.config.flush_ms / 1000)
        else:
            self._commit.request(log)

    @property
    def low_watermark(self) -> int:
        """The offset before which no copy has records, as far as copies are on live nodes."""
        return self.log.log_start_offset

    def forgotten(self, offset: int) -> asyncio.Future[None]:
        """Return what is done once no live copy has records before ``offset`` (KIP-107).

        Raises:
            NotLeaderOrFollower: Another node leads now.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def followed(
        self, node_id: int, offset: int, last_epoch: int, *, log_start: int
    ) -> EpochEnd | None:
        """Take note that a follower has everything before ``offset`` on its disk.

        Args:
            log_start: Where its log starts.
            last_epoch: The leader epoch of its last record; -1 if it has none.

        Returns:
            Where its log parts from this one; None if it does not.

        Raises:
            NotLeaderOrFollower: The node holds no copy.
        """
        raise NotLeaderOrFollower(f"{self.log.topic}-{self.log.partition} has no copies")

    def read_to_end(self, offset: int, max_bytes: int, *, minimum_one: bool) -> bytes:
        """Return whole batches from ``offset`` on for a follower, committed or not.

        Raises:
            NotLeaderOrFollower: There are no followers.
            OffsetOutOfRange: Before the log start or after the end.
        """
        raise NotLeaderOrFollower(f"{self.log.topic}-{self.log.partition} has no copies")

    @property
    def readable_end(self) -> int:
        """Up to where :meth:`read_own` reads."""
        return self.log.high_watermark

    def read_own(self, offset: int, max_bytes: int) -> bytes:
        """Return whole batches for this node itself, as their leader: all that will be committed.

        Raises:
            OffsetOutOfRange: Before the log start or after the end.
            StorageError: The file cannot be read.
        """
        return self.log.read(offset, max_bytes)

    def end_of_epoch(self, epoch: int) -> EpochEnd:
        """Return where a leader epoch ends, or the largest before it (OffsetForLeaderEpoch)."""
        return LeaderEpochs([(self.leader_epoch, 0)]).end_of(epoch, log_end=self.log.end_offset)

    def epoch_of(self, offset: int) -> int:
        """Return the leader epoch in which the record at an offset was written; -1: not known."""
        return self.leader_epoch

    def subscribe_to_end(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` on the loop when there is more for followers, or nothing any more.

        Returns:
            What to call to be told no longer.
        """
        return self.log.subscribe(listener)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` on the loop when more can be read, or nothing any more.

        Returns:
            What to call to be told no longer.
        """
        return self.log.subscribe(listener)
