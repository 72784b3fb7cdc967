"""Cluster: the one writer of the cluster's state, and the sessions of its nodes.

A decision is a pure function from one state to the next. Decisions are taken one after the other;
each is committed in a thread before anybody hears of it, so what was ever told survives the
controller. Once a commit fails for another reason than a full disk, nobody can know what is on it:
no decision is taken any more, and the process that owns this should end and start anew.

For the event loop.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import structlog

from broker_core import metrics
from broker_core.errors import StorageError
from broker_core.replication import membership
from broker_core.replication.cluster_state import ClusterState
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.metadata_store import MetadataStore
from broker_core.replication.state_log import log_changes
from broker_core.settings import ControllerSettings

log = structlog.get_logger()

Answer = TypeVar("Answer")
Decision = Callable[[ControllerState], tuple[ControllerState, Answer]]
REMEMBERED_STATES = 64  # a node that knows one of them is told the difference only
LOST_SECONDS = 2.0  # a node says that it lives every second, whatever the session


class Cluster:
    """The controller without its socket; an async context manager.

    Attributes:
        settings: What it was made from.
    """

    def __init__(
        self,
        settings: ControllerSettings,
        *,
        boot_id: str,
        new_cluster_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know what to open; nothing is read before entering.

        Args:
            boot_id: Of this start of the machine, empty if the system has none.
            new_cluster_id: What a cluster that does not exist yet shall be called.
            clock: Seconds, never set back.
        """
        self.settings = settings
        self._boot_id = boot_id
        self._new_cluster_id = new_cluster_id
        self._clock = clock
        self._session_seconds = settings.session_timeout.total_seconds()
        self._heard: dict[int, float] = {}
        self._lost: dict[int, float] = {}
        self._deciding = asyncio.Lock()
        self._commits: set[asyncio.Task[object]] = set()
        self._changed = asyncio.Event()
        self._remembered: deque[ClusterState] = deque(maxlen=REMEMBERED_STATES)
        self._failed = asyncio.Event()
        self._is_closing = False

    async def __aenter__(self) -> Self:
        """Read what was decided so far, or begin a new cluster; then watch over the nodes.

        Raises:
            StorageError: The database cannot be used.
        """
        self._store, self._state = await asyncio.to_thread(self._open)
        self._remembered.append(self._state.cluster)
        await self.decide(lambda state: (membership.after_start(state, self._boot_id), None))
        self._heard = dict.fromkeys(self._state.alive, self._clock())
        self._watches = [
            asyncio.create_task(self._fence_the_silent(), name="controller-sessions"),
            asyncio.create_task(self._balance(), name="controller-balance"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the decision under way and let the database go."""
        for task in self._watches:
            task.cancel()
        await asyncio.wait(self._watches)
        while self._commits:
            await asyncio.wait(self._commits)
        await asyncio.to_thread(self._store.close)

    def _open(self) -> tuple[MetadataStore, ControllerState]:
        store = MetadataStore(Path(self.settings.data_dir))
        try:
            state = store.read()
            if state is None:
                cluster = ClusterState(version=1, cluster_id=self._new_cluster_id)
                state = ControllerState(cluster=cluster)
                store.create(state)
        except BaseException:
            store.close()
            raise
        return store, state

    @property
    def state(self) -> ControllerState:
        """What was committed last."""
        return self._state

    async def failed(self) -> None:
        """Return once the database has failed; until then, wait."""
        await self._failed.wait()

    # -- deciding

    async def decide(self, decision: Decision[Answer]) -> Answer:
        """Take a decision, make it durable and tell who watches; return its answer.

        A caller that is cancelled gives up the answer, not the decision.

        Raises:
            BrokerError: What the decision raised; nothing changed.
            StorageError: It could not be committed.
        """
        task = asyncio.get_running_loop().create_task(self._decide(decision), name="decision")
        self._commits.add(task)
        task.add_done_callback(self._commits.discard)
        return await asyncio.shield(task)

    async def _decide(self, decision: Decision[Answer]) -> Answer:
        async with self._deciding:
            if self._failed.is_set():
                raise StorageError("the controller's database failed")
            decided, answer = decision(self._state)
            if decided is not self._state:
                await self._commit(decided)
            return answer

    async def _commit(self, decided: ControllerState) -> None:
        before = self._state
        version = before.cluster.version + 1
        after = replace(decided, cluster=replace(decided.cluster, version=version))
        with metrics.CONTROLLER_COMMIT_SECONDS.time():
            try:
                await asyncio.to_thread(self._store.commit, before, after)
            except StorageError as error:
                log.error("decision_not_committed", reason=str(error))
                if self._store.is_failed:
                    self._failed.set()
                raise
        self._state = after
        self._remembered.append(after.cluster)
        log_changes(before.cluster, after.cluster)
        _measure(after)
        self._changed.set()
        self._changed = asyncio.Event()

    # -- following

    async def newer_than(self, version: int, seconds: float) -> ClusterState:
        """Return a state newer than ``version``, or the present one after that many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._state.cluster.version <= version and not self._is_closing:
                    await self._changed.wait()
        return self._state.cluster

    def release_watchers(self) -> None:
        """Let nobody wait for a newer state any more: the controller is about to stop."""
        self._is_closing = True
        self._changed.set()

    def remembered(self, version: int) -> ClusterState | None:
        """Return the state of that version, None once it is forgotten."""
        return next((each for each in self._remembered if each.version == version), None)

    # -- sessions

    async def register(self, newcomer: membership.Newcomer) -> int:
        """Take a node in; return its epoch.

        Raises:
            InconsistentClusterId: It belongs to another cluster.
            DuplicateBrokerRegistration: A node of that id with another data directory is alive.
        """

        def decision(state: ControllerState) -> tuple[ControllerState, int]:
            after = membership.registered(state, newcomer)
            return after, after.cluster.nodes[newcomer.node_id].epoch

        return await self.decide(decision)

    async def heartbeat(
        self, node_id: int, epoch: int, *, known_version: int, wants_to_leave: bool
    ) -> bool:
        """Hear of a node; return whether it is fenced.

        A node is unfenced once it knows the newest state, so it never leads by what was true
        before; it is fenced at once when it wants to leave: what it leads goes to others, if
        there are any.

        Raises:
            BrokerIdNotRegistered: It has never registered.
            StaleBrokerEpoch: It registered anew since, in another process.
        """
        node = membership.check_epoch(self._state, node_id, epoch)
        self._heard[node_id] = self._clock()
        is_behind = known_version < self._state.cluster.version
        if node.fenced == wants_to_leave or (node.fenced and is_behind):
            return node.fenced

        def decision(state: ControllerState) -> tuple[ControllerState, bool]:
            current = membership.check_epoch(state, node_id, epoch)
            if current.fenced == wants_to_leave:
                return state, current.fenced
            change = membership.fenced if wants_to_leave else membership.unfenced
            return change(state, node_id), wants_to_leave

        return await self.decide(decision)

    def lost_sight_of(self, node_id: int) -> None:
        """Note that a node's connection is gone: the system closes a dead process's at once.

        A node that goes on saying that it lives is not concerned; another one need not be waited
        for until its session ends.
        """
        self._lost[node_id] = self._clock()

    async def _fence_the_silent(self) -> None:
        """Fence nodes that are not heard of; forgive everybody what this process slept through."""
        interval = min(self._session_seconds / 8, LOST_SECONDS / 4)
        looked = self._clock()
        while True:
            await asyncio.sleep(interval)
            now = self._clock()
            if now - looked > 4 * interval:
                self._heard = dict.fromkeys(self._state.alive, now)
                self._lost = {}
            looked = now
            if self._silent():
                await self._try(self._without_the_silent)

    def _without_the_silent(self, state: ControllerState) -> tuple[ControllerState, None]:
        silent = self._silent()
        log.warning("nodes_silent", nodes=silent, seconds=self._session_seconds)
        return membership.fenced(state, *silent), None

    def _silent(self) -> list[int]:
        now = self._clock()
        return [
            node_id
            for node_id in self._state.alive
            if self._heard[node_id] < now - self._session_seconds
            or self._heard[node_id] < self._lost.get(node_id, now) < now - LOST_SECONDS
        ]

    async def _balance(self) -> None:
        """Give leaders back to preferred replicas, from time to time."""
        while True:
            await asyncio.sleep(self.settings.preferred_leader_interval.total_seconds())
            await self._try(lambda state: (membership.with_preferred_leaders(state), None))

    async def _try(self, decision: Decision[None]) -> None:
        try:
            await self.decide(decision)
        except StorageError:
            return  # logged; tried again at the next turn, unless the database failed


def _measure(state: ControllerState) -> None:
    cluster = state.cluster
    partitions = list(cluster.partitions())
    alive = state.alive
    metrics.CONTROLLER_ACTIVE_NODES.set(len(alive))
    metrics.CONTROLLER_FENCED_NODES.set(len(cluster.nodes) - len(alive))
    metrics.CONTROLLER_TOPICS.set(len(cluster.topics))
    metrics.CONTROLLER_PARTITIONS.set(len(partitions))
    metrics.CONTROLLER_OFFLINE_PARTITIONS.set(sum(each.is_offline for each in partitions))
    metrics.CONTROLLER_IMBALANCE.set(sum(each.leader != each.replicas[0] for each in partitions))
