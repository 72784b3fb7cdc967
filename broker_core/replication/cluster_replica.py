"""ClusterReplica: one partition of a cluster as this node has it: as its leader or as a follower.

The controller's word makes it either. As leader it takes what clients send, counts who has it
(:mod:`broker_core.replication.replica_set`) and moves the high watermark; as follower it is written
to by :mod:`broker_core.replication.follower` alone. In both it knows where each leader epoch began.

For the event loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from broker_core import metrics
from broker_core.errors import (
    BrokerError,
    FencedLeaderEpoch,
    NotController,
    NotEnoughReplicas,
    NotEnoughReplicasAfterAppend,
    NotLeaderOrFollower,
    StorageError,
    UnknownLeaderEpoch,
)
from broker_core.log.append_result import AppendResult
from broker_core.log.group_commit import GroupCommit
from broker_core.log.replicated_log import ReplicatedLog
from broker_core.protocol.control_record import Marker
from broker_core.protocol.record_batch import BatchHeader, Bytes
from broker_core.replication.cluster_state import ClusterState, Partition
from broker_core.replication.leader_epoch import UNKNOWN_EPOCH, EpochEnd, LeaderEpochs
from broker_core.replication.replica import ACKS_ALL, NOT_TOLD, Replica
from broker_core.replication.replica_set import ReplicaSet

log = structlog.get_logger()

_RETRY_SECONDS = 0.2


class Link(Protocol):
    """What a replica needs of the way to the controller, see ``ControllerLink``."""

    @property
    def state(self) -> ClusterState:
        """The newest known state."""
        ...

    @property
    def is_fenced(self) -> bool:
        """Whether this node must not answer as a leader."""
        ...

    async def alter_isr(self, partition: Partition, isr: Sequence[int]) -> Partition:
        """Ask for another in-sync set."""
        ...


class ClusterReplica(Replica):
    """A partition with copies on other nodes, or meant to have some.

    Attributes:
        partition: The controller's newest word; None before the first.
        epochs: Where each leader began.
        has_unwritten_epochs: Whether the file of them is older than they are.
    """

    log: ReplicatedLog

    def __init__(
        self,
        log: ReplicatedLog,
        commit: GroupCommit,
        link: Link,
        *,
        node_id: int,
        epochs: LeaderEpochs,
        lag_ms: int,
    ) -> None:
        super().__init__(log, commit)
        self.leader_epoch = UNKNOWN_EPOCH
        self.partition: Partition | None = None
        self.epochs = epochs
        self.has_unwritten_epochs = False
        self._link = link
        self._node_id = node_id
        self._lag_ms = lag_ms
        self._set: ReplicaSet | None = None
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._forgetting: list[tuple[int, asyncio.Future[None]]] = []
        self._end_listeners: list[Callable[[], None]] = []
        self._asking: asyncio.Task[None] | None = None
        log.on_durable = self._count

    # -- who leads

    @property
    def is_leader(self) -> bool:
        """Whether this node leads, by the controller's newest word."""
        return self._set is not None

    @property
    def leader(self) -> int:
        """The node that leads; -1 if none does."""
        return -1 if self.partition is None else self.partition.leader

    def check_leader(self, current_leader_epoch: int = NOT_TOLD) -> None:
        """Do nothing while this node leads, in the epoch that the client knows.

        Raises:
            NotLeaderOrFollower: Another node leads, or this one must not answer now.
            FencedLeaderEpoch: The client knows an earlier leader.
            UnknownLeaderEpoch: The client knows a later one.
        """
        if current_leader_epoch != NOT_TOLD:
            if current_leader_epoch < self.leader_epoch:
                raise FencedLeaderEpoch(f"{current_leader_epoch}, it is {self.leader_epoch} now")
            if current_leader_epoch > self.leader_epoch:
                raise UnknownLeaderEpoch(f"{current_leader_epoch}, {self.leader_epoch} is known")
        if self._set is None or self._link.is_fenced:
            raise NotLeaderOrFollower(f"{self.log.topic}-{self.log.partition}")

    def update(self, partition: Partition | None) -> None:
        """Become what the controller says; None: the partition is not this node's any more."""
        known = self.partition
        if partition is None:
            self.partition = None
            self._resign("the partition is gone")
            return
        if known is not None and partition.partition_epoch <= known.partition_epoch:
            return
        self.partition = partition
        if partition.leader_epoch > self.leader_epoch:
            self._resign("another leader was elected")
            self.leader_epoch = partition.leader_epoch
            if partition.leader == self._node_id:
                self._lead(partition)
            log.info(
                "partition_led" if self.is_leader else "partition_followed",
                partition=self.log.directory.name,
                node=self._node_id,
                leader=partition.leader,
                leader_epoch=partition.leader_epoch,
                end_offset=self.log.end_offset,
            )
        elif self._set is not None and self._set.adopt(partition, now_ms=_now_ms()):
            self._count()

    def restarted(self, node_id: int) -> None:
        """Take note that a node registered anew."""
        if self._set is not None:
            self._set.restarted(node_id)

    def close(self) -> None:
        """Lead no more, and be told of nothing."""
        self._resign("this node stops")
        self.log.on_durable = _nothing
        if self._asking is not None:
            self._asking.cancel()

    def _lead(self, partition: Partition) -> None:
        if self.epochs.latest >= partition.leader_epoch:
            # An earlier life of this node wrote in that epoch, and what it wrote may be gone.
            log.error("stale_leadership_refused", partition=self.log.directory.name)
            return
        end = self.log.end_offset
        self.has_unwritten_epochs |= self.epochs.assign(partition.leader_epoch, end)
        self._set = ReplicaSet(partition, epoch_start=end, now_ms=_now_ms(), lag_ms=self._lag_ms)
        self.log.is_copy = False
        self._count()

    def _resign(self, reason: str) -> None:
        self._set = None
        self.log.is_copy = True
        waiting, self._waiting = [*self._waiting, *self._forgetting], deque()
        self._forgetting = []
        for _, future in waiting:
            if not future.done():
                future.set_exception(NotLeaderOrFollower(reason))
        self._tell_followers()
        self.log.tell()

    # -- following

    @property
    def is_empty(self) -> bool:
        """Whether there is no record here."""
        return self.log.end_offset == self.log.log_start_offset

    @property
    def last_epoch(self) -> int:
        """The leader epoch of the last record; -1 if there is none."""
        return UNKNOWN_EPOCH if self.is_empty else self.epochs.at(self.log.end_offset - 1)

    def append_copy(self, batch: Bytes, header: BatchHeader) -> None:
        """Append a batch of the leader's, see ``ReplicatedLog.append_copy``."""
        self.log.append_copy(batch, header)
        self.has_unwritten_epochs |= self.epochs.assign(header.leader_epoch, header.base_offset)

    async def cut_by(self, word: EpochEnd, leader_epoch: int) -> None:
        """Cut what the leader does not have; durable when this returns.

        Args:
            word: Where the leader's log parts from this one.
            leader_epoch: Nothing is cut once another leads.

        Raises:
            StorageError: The disk refuses.
        """
        end = self.epochs.cut(word, log_end=self.log.end_offset)
        log.warning(
            "log_cut",
            partition=self.log.directory.name,
            end_offset=self.log.end_offset,
            cut_to=end,
            leader_epoch=leader_epoch,
            leaders_epoch=word.epoch,
            leaders_end=word.end_offset,
        )
        metrics.LOG_CUTS.inc()
        await self._change(lambda: self.log.drop_segments_from(end), leader_epoch)
        await self._change(lambda: self._cut(end), leader_epoch)

    async def restart_at(self, offset: int, leader_epoch: int) -> None:
        """Begin anew where the leader's log begins; durable when this returns.

        Raises:
            StorageError: The disk refuses.
        """
        log.warning(
            "log_restarted",
            partition=self.log.directory.name,
            end_offset=self.log.end_offset,
            restarts_at=offset,
        )
        await self._change(lambda: self._restart(offset), leader_epoch)

    def follow_leader(self, high_watermark: int, log_start_offset: int) -> None:
        """Take over the leader's high watermark and log start, as far as the records are here."""
        if self._set is None and not self.log.is_deleted:
            self.log.commit_until(min(high_watermark, self.log.durable_end))
            start = min(log_start_offset, self.log.high_watermark)
            if start > self.log.log_start_offset:
                self.log.truncate_before(start)
                self.epochs.truncate_before(start)

    async def _change(self, action: Callable[[], None], leader_epoch: int) -> None:
        def act() -> None:
            if self.leader_epoch == leader_epoch and self._set is None:
                action()

        try:
            await self._commit.between_rounds(act)
        except OSError as error:
            raise StorageError(f"cannot cut {self.log.directory.name}: {error}") from error
        await self._commit.flush(self.log)

    def _cut(self, end: int) -> None:
        self.log.cut(end)
        self.epochs.truncate_to(self.log.end_offset)
        self.has_unwritten_epochs = True

    def _restart(self, offset: int) -> None:
        self.log.restart_at(offset)
        self.epochs = LeaderEpochs()
        self.has_unwritten_epochs = True

    # -- leading

    def append(
        self,
        batch: Bytes,
        *,
        acks: int = ACKS_ALL,
        sequenced: bool = True,
        prepared: bool = False,
    ) -> AppendResult:
        """Append one record batch as the leader, see :meth:`Replica.append`."""
        self.check_leader()
        if acks == ACKS_ALL and not self._has_enough():
            raise NotEnoughReplicas(self._shortage())
        result = super().append(batch, acks=acks, sequenced=sequenced, prepared=prepared)
        self._tell_followers()
        return result

    def end_transaction(self, marker: Marker) -> int:
        """Append a transaction marker as the leader, see :meth:`Replica.end_transaction`."""
        self.check_leader()
        if not self._has_enough():
            raise NotEnoughReplicas(self._shortage())
        offset = super().end_transaction(marker)
        self._tell_followers()
        return offset

    def acknowledged(self, end_offset: int, *, acks: int = ACKS_ALL) -> asyncio.Future[None]:
        """Return what is done once it may be acknowledged, see :meth:`Replica.acknowledged`."""
        if acks != ACKS_ALL:
            return super().acknowledged(end_offset, acks=acks)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._set is None:
            future.set_exception(NotLeaderOrFollower(f"{self.log.topic}-{self.log.partition}"))
        elif self.log.high_watermark >= end_offset:
            self._answer(future)
        else:
            self._waiting.append((end_offset, future))
        return future

    @property
    def low_watermark(self) -> int:
        """Where the live copy starts that starts first, see :attr:`Replica.low_watermark`."""
        start = self.log.log_start_offset
        if self._set is None:
            return start
        return self._set.low_watermark(log_start=start, is_alive=self._link.state.is_alive)

    def forgotten(self, offset: int) -> asyncio.Future[None]:
        """Return what is done once live copies have followed, see :meth:`Replica.forgotten`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._set is None:
            future.set_exception(NotLeaderOrFollower(f"{self.log.topic}-{self.log.partition}"))
        else:
            self._forgetting.append((offset, future))
            self._note_starts()
        return future

    def followed(
        self, node_id: int, offset: int, last_epoch: int, *, log_start: int
    ) -> EpochEnd | None:
        """Take note of how far a follower is, see :meth:`Replica.followed`."""
        self.check_leader()
        assert self._set is not None
        end = self.log.end_offset
        word = self.epochs.diverges(last_epoch, offset, log_end=end)
        if word is not None:
            if word.epoch == UNKNOWN_EPOCH:
                raise UnknownLeaderEpoch(f"{last_epoch}, {self.epochs.latest} is the latest")
            return word
        if offset <= end:  # beyond it the log is not this one's copy; reading says so
            if not self._set.fetched(node_id, offset, leader_end=end, now_ms=_now_ms()):
                raise NotLeaderOrFollower(f"node {node_id} holds no copy")
            self._set.starts_at(node_id, log_start)
            self._count()
        return None

    def read_to_end(self, offset: int, max_bytes: int, *, minimum_one: bool) -> bytes:
        """Return whole batches for a follower, see :meth:`Replica.read_to_end`."""
        return self.log.read_to_end(offset, max_bytes, minimum_one)

    @property
    def readable_end(self) -> int:
        """The end of the log: as long as this node leads, all of it will be committed."""
        return self.log.end_offset

    def read_own(self, offset: int, max_bytes: int) -> bytes:
        """Return whole batches for this node itself, see :meth:`Replica.read_own`."""
        self.check_leader()
        return self.log.read_to_end(offset, max_bytes)

    def end_of_epoch(self, epoch: int) -> EpochEnd:
        """Return where a leader epoch ends, see :meth:`Replica.end_of_epoch`."""
        return self.epochs.end_of(epoch, log_end=self.log.end_offset)

    def epoch_of(self, offset: int) -> int:
        """Return the leader epoch in which the record at an offset was written; -1: not known."""
        return self.epochs.at(offset)

    def subscribe_to_end(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` when there is more for followers, or nothing any more."""
        self._end_listeners.append(listener)
        return lambda: self._end_listeners.remove(listener)

    def tick(self) -> None:
        """Look whether somebody lags; to be called every now and then."""
        self._count()

    @property
    def is_under_min_isr(self) -> bool:
        """Whether acks=all is refused."""
        return self._set is not None and not self._has_enough()

    def _count(self) -> None:
        """Move the high watermark as far as replicas allow, and see who is in sync."""
        replicas = self._set
        if replicas is None:
            return
        self._note_starts()
        is_alive = self._link.state.is_alive
        end, now_ms = self.log.end_offset, _now_ms()
        high_watermark = replicas.high_watermark(
            durable_end=self.log.durable_end, leader_end=end, now_ms=now_ms, is_alive=is_alive
        )
        if high_watermark > self.log.high_watermark:
            self.log.commit_until(high_watermark)
            while self._waiting and self._waiting[0][0] <= high_watermark:
                self._answer(self._waiting.popleft()[1])
        isr = replicas.wanted_isr(
            high_watermark=self.log.high_watermark,
            leader_end=end,
            now_ms=now_ms,
            is_alive=is_alive,
        )
        if isr is not None and self._asking is None and not self._link.is_fenced:
            replicas.asked = isr
            self._asking = asyncio.create_task(self._ask(replicas, isr), name="ask-for-isr")

    def _note_starts(self) -> None:
        """Tell who waits for copies to forget records that they have."""
        if not self._forgetting:
            return
        start = self.low_watermark
        for offset, future in self._forgetting:
            if start >= offset and not future.done():  # whoever waited may be gone
                future.set_result(None)
        self._forgetting = [one for one in self._forgetting if not one[1].done()]

    async def _ask(self, replicas: ReplicaSet, isr: tuple[int, ...]) -> None:
        """Ask for an in-sync set until something is known of the answer."""
        before = replicas.partition.isr
        try:
            while replicas is self._set and replicas.asked is isr:
                try:
                    self.update(await self._link.alter_isr(replicas.partition, isr))
                except NotController:
                    await asyncio.sleep(_RETRY_SECONDS)
                except BrokerError as error:
                    metrics.FAILED_ISR_UPDATES.inc()
                    log.info(
                        "in_sync_set_refused",
                        partition=self.log.directory.name,
                        reason=error.code.name,
                    )
                    await asyncio.sleep(_RETRY_SECONDS)
                    if replicas.asked is isr:
                        replicas.refused()
                else:
                    self._note_change(before, isr)
        finally:
            self._asking = None
        self._count()

    def _note_change(self, before: tuple[int, ...], after: tuple[int, ...]) -> None:
        left, joined = set(before) - set(after), set(after) - set(before)
        metrics.ISR_SHRINKS.inc(bool(left))
        metrics.ISR_EXPANDS.inc(bool(joined))
        log.info(
            "in_sync_set_changed",
            partition=self.log.directory.name,
            isr=after,
            left=sorted(left),
            joined=sorted(joined),
            high_watermark=self.log.high_watermark,
        )

    def _has_enough(self) -> bool:
        assert self.partition is not None
        wanted = min(self.log.config.min_insync_replicas, len(self.partition.replicas))
        return len(self.partition.isr) >= wanted

    def _shortage(self) -> str:
        assert self.partition is not None
        return f"{len(self.partition.isr)} in sync, {self.log.config.min_insync_replicas} wanted"

    def _answer(self, future: asyncio.Future[None]) -> None:
        if future.done():  # whoever waited is gone
            return
        if self._has_enough():
            future.set_result(None)
        else:
            future.set_exception(NotEnoughReplicasAfterAppend(self._shortage()))

    def _written(self) -> None:
        """Sync at once, whatever ``flush.ms`` says: acks=all counts disks alone (decision 17)."""
        self._commit.request(self.log)

    def _tell_followers(self) -> None:
        for listener in tuple(self._end_listeners):
            listener()


def _now_ms() -> int:
    """A clock that never jumps: nobody lags because somebody set the time."""
    return int(asyncio.get_running_loop().time() * 1000)


def _nothing() -> None:
    """Nobody wants to know any more."""
