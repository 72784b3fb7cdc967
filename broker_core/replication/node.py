"""ClusterNode: makes this node what the controller says: what it holds, leads and follows.

Leading ends at once when a newer state says so; what needs the disk (partitions that come and go)
is done one state after the other, in a thread. For the event loop.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self
from uuid import uuid4

import structlog

from broker_core import metrics
from broker_core.errors import (
    BrokerError,
    NotLeaderOrFollower,
    UnknownTopicOrPartition,
)
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.replicated_log import ReplicatedLog
from broker_core.log.topic_config import TopicConfig
from broker_core.replication import leader_epoch, node_file
from broker_core.replication.cluster_replica import ClusterReplica
from broker_core.replication.cluster_state import ClusterState
from broker_core.replication.controller_link import ControllerLink
from broker_core.replication.follower import Fetcher
from broker_core.replication.leader_epoch import LeaderEpochs
from broker_core.replication.peer import Credentials
from broker_core.replication.replica import NOT_TOLD, Replica
from broker_core.replication.replicas import Replicas
from broker_core.replication.siblings import Siblings
from broker_core.settings import ReplicationSettings

log = structlog.get_logger()

_TICKS_PER_LAG = 5
_LONGEST_TICK_SECONDS = 1.0
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """The cluster that a node is to join.

    Attributes:
        controller: Host and port of its controller.
        credentials: What the nodes sign in with, at the controller and at each other.
    """

    controller: tuple[str, int]
    credentials: Credentials


class ClusterNode(Replicas):
    """The partitions of a node of a cluster; an async context manager.

    Attributes:
        link: The way to the controller.
        siblings: The way to the other nodes.
        node_id: Its own id.
    """

    def __init__(
        self,
        membership: Membership,
        logs: LogDirectory,
        commit: GroupCommit,
        settings: ReplicationSettings,
        *,
        node_id: int,
        advertised: tuple[str, int],
    ) -> None:
        """Read what the directory remembers; blocks.

        Args:
            advertised: Host and port that clients and other nodes are told.

        Raises:
            StorageError: The directory cannot be used.
        """
        super().__init__(logs, commit)
        self._settings = settings
        self.node_id = node_id
        self._credentials = membership.credentials
        self._file = node_file.read_node_file(logs.path)
        self._boot_id = node_file.current_boot_id()
        self.link = ControllerLink(
            membership.controller,
            node_id=node_id,
            advertised=advertised,
            credentials=membership.credentials,
            incarnation=uuid4(),
            directory_id=self._file.directory_id,
            was_unclean_after_reboot=node_file.may_lack_records(
                self._file, was_clean=logs.was_clean, boot_id=self._boot_id
            ),
            cluster_id=self._file.cluster_id,
        )
        self.siblings = Siblings(self.link, self._credentials, node_id=node_id)
        self._held: dict[tuple[str, int], ClusterReplica] = {}
        self._fetchers: dict[int, tuple[Fetcher, asyncio.Task[None]]] = {}
        self._node_epochs: dict[int, int] = {}
        self._news = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []
        self._noted: Mapping[str, int] = node_file.read_high_watermarks(logs.path)
        self._epochs = _restored(
            [held for held in logs.partitions().values() if isinstance(held, ReplicatedLog)]
        )

    async def __aenter__(self) -> Self:
        """Take up what is here, then join the cluster in the background."""
        self._take_up(self._epochs)
        self.link.subscribe(self._learn)
        await self.link.__aenter__()
        self._tasks = [
            asyncio.create_task(self._follow_state(), name="cluster-state"),
            asyncio.create_task(self._tick(), name="cluster-tick"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Follow and lead no more; :meth:`leave` comes before where there is time."""
        tasks = [*self._tasks, *(task for _, task in self._fetchers.values())]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self.link.__aexit__(kind, error, trace)
        await self.siblings.close()
        for replica in self._held.values():
            replica.close()
        await self._note()

    async def leave(self) -> None:
        """Have others lead what this node leads; return once that is so or cannot be."""
        await self.link.leave()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called on the loop whenever what this node leads may have changed."""
        self._listeners.append(listener)

    # -- looking up

    def get(self, topic: str, partition: int) -> Replica | None:
        """Return one partition, or None if it is not here."""
        replica = self._held.get((topic, partition))
        return None if replica is None or replica.log.is_deleted else replica

    def leading(self, topic: str, partition: int, current_leader_epoch: int = NOT_TOLD) -> Replica:
        """Return a partition that this node leads, see :meth:`Replicas.leading`."""
        replica = self.get(topic, partition)
        if replica is None:
            if self.link.state.partition(topic, partition) is None:
                raise UnknownTopicOrPartition(f"{topic}-{partition}")
            raise NotLeaderOrFollower(f"{topic}-{partition} is not here")
        replica.check_leader(current_leader_epoch)
        return replica

    # -- what the controller says

    def _learn(self, state: ClusterState) -> None:
        """Lead and follow as a newer state says, as far as it needs no disk."""
        for (topic, index), replica in self._held.items():
            partition = state.partition(topic, index)
            known = self._logs.topics().get(topic)
            is_same = known is not None and partition is not None
            if is_same and known.topic_id != partition.topic_id:  # type: ignore[union-attr]
                partition = None
            if partition is not None and self.node_id not in partition.replicas:
                partition = None
            replica.update(partition)
        for node in state.nodes.values():
            if self._node_epochs.get(node.node_id) not in (None, node.epoch):
                for replica in self._held.values():
                    replica.restarted(node.node_id)
            self._node_epochs[node.node_id] = node.epoch
        self._assign()
        self._news.set()
        for listener in self._listeners:
            listener()

    async def _follow_state(self) -> None:
        """Hold what every newer state says."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._remember_cluster()
                await self._hold(self.link.state)
            except BrokerError as error:
                log.error("cluster_state_not_applied", reason=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                self._news.set()

    async def _hold(self, state: ClusterState) -> None:
        await asyncio.to_thread(self._logs.hold, self._wanted(state))
        logs = [
            held
            for held in self._logs.partitions().values()
            if isinstance(held, ReplicatedLog) and not self._is_held(held)
        ]
        self._take_up(await asyncio.to_thread(_restored, logs))
        self._learn_again()

    def _learn_again(self) -> None:
        """Show what was just taken up the newest state."""
        news = self._news.is_set()
        self._learn(self.link.state)
        if not news:
            self._news.clear()

    def _wanted(self, state: ClusterState) -> dict[str, TopicConfig]:
        wanted = {}
        for topic in state.topics.values():
            held = frozenset(
                each.index for each in topic.partitions if self.node_id in each.replicas
            )
            if held:
                wanted[topic.name] = TopicConfig(
                    name=topic.name,
                    topic_id=topic.topic_id,
                    partitions=len(topic.partitions),
                    config=dict(topic.configs),
                    held=held,
                )
        return wanted

    def _is_held(self, held: ReplicatedLog) -> bool:
        replica = self._held.get((held.topic, held.partition))
        return replica is not None and replica.log is held

    def _take_up(self, epochs: Mapping[ReplicatedLog, LeaderEpochs]) -> None:
        """Have a replica of each of these logs, and none of those that are gone."""
        for key, replica in list(self._held.items()):
            if replica.log.is_deleted:
                replica.close()
                del self._held[key]
        for held, known in epochs.items():
            held.commit_until(min(self._noted.get(held.directory.name, 0), held.durable_end))
            self._held[held.topic, held.partition] = ClusterReplica(
                held,
                self._commit,
                self.link,
                node_id=self.node_id,
                epochs=known,
                lag_ms=round(self._settings.lag_time.total_seconds() * 1000),
            )

    async def _remember_cluster(self) -> None:
        """Note the cluster, and this start of the machine once the controller has heard of it."""
        if self.link.broker_epoch < 0:
            return
        file = replace(self._file, cluster_id=self.link.state.cluster_id, boot_id=self._boot_id)
        if file != self._file:
            await asyncio.to_thread(file.write, self._logs.path)
            self._file = file

    # -- following

    def _assign(self) -> None:
        """Have every partition that another node leads fetched from it."""
        state = self.link.state
        followed: dict[int, list[ClusterReplica]] = {node: [] for node in self._fetchers}
        for replica in self._held.values():
            leader = replica.leader
            if leader in state.nodes and leader != self.node_id and not replica.log.is_deleted:
                followed.setdefault(leader, []).append(replica)
        for node_id, replicas in followed.items():
            node = state.nodes[node_id]
            if node_id not in self._fetchers:
                fetcher = Fetcher(
                    node, self._commit, self._credentials, self._settings, node_id=self.node_id
                )
                task = asyncio.create_task(fetcher.run(), name=f"follow-{node_id}")
                self._fetchers[node_id] = fetcher, task
            self._fetchers[node_id][0].follow(node, replicas)

    # -- every now and then

    async def _tick(self) -> None:
        lag_seconds = self._settings.lag_time.total_seconds()
        interval = min(lag_seconds / _TICKS_PER_LAG, _LONGEST_TICK_SECONDS)
        loop = asyncio.get_running_loop()
        noted = loop.time()
        while True:
            await asyncio.sleep(interval)
            for replica in tuple(self._held.values()):
                replica.tick()
            self._measure()
            if self._logs.fault.reason is not None:
                log.error("node_leaves", reason=self._logs.fault.reason)
                await self.link.leave()
                return
            if loop.time() - noted >= self._settings.checkpoint_interval.total_seconds():
                noted = loop.time()
                await self._note()

    async def _note(self) -> None:
        """Write high watermarks and leader epochs down; what fails costs a look at the log."""
        offsets = {
            replica.log.directory.name: replica.log.high_watermark
            for replica in self._held.values()
            if not replica.log.is_deleted
        }
        epochs = [
            (replica.log.directory, replica.epochs.starts)
            for replica in self._held.values()
            if replica.has_unwritten_epochs and not replica.log.is_deleted
        ]
        for replica in self._held.values():
            replica.has_unwritten_epochs = False

        def write() -> None:
            if offsets != self._noted:
                node_file.write_high_watermarks(self._logs.path, offsets)
            for directory, starts in epochs:
                if directory.is_dir():
                    leader_epoch.write(directory, starts)

        try:
            await asyncio.to_thread(write)
        except OSError as error:
            log.warning("checkpoint_skipped", error=str(error))
        else:
            self._noted = offsets

    def _measure(self) -> None:
        partitions = [each.partition for each in self._held.values() if each.partition is not None]
        led = [each for each in partitions if each.leader == self.node_id]
        metrics.PARTITIONS_HELD.set(len(self._held))
        metrics.LEADERS.set(len(led))
        metrics.UNDER_REPLICATED.set(sum(each.is_under_replicated for each in led))
        metrics.OFFLINE_PARTITIONS.set(sum(each.is_offline for each in partitions))
        metrics.UNDER_MIN_ISR.set(sum(each.is_under_min_isr for each in self._held.values()))


def _restored(logs: Iterable[ReplicatedLog]) -> dict[ReplicatedLog, LeaderEpochs]:
    return {held: leader_epoch.restore(held) for held in logs}
