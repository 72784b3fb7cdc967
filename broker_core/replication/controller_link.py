"""ControllerLink: what a node knows of the cluster, and how it asks the controller for changes.

Two connections, each made anew whenever it is lost: on one the node follows the state, on the
other it registers, says that it lives and asks. A node that was not answered within its session is
fenced by its own clock, too: it must not answer as a leader, because the controller may have made
another node leader by now.

For the event loop.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import structlog

from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InconsistentClusterId,
    InvalidRequest,
    NotController,
    UnknownTopicOrPartition,
    error_of,
)
from broker_core.protocol.messages.allocate_producer_ids import AllocateProducerIdsRequest
from broker_core.protocol.messages.alter_policy import (
    AlterPolicyRequest,
    AlterPolicyResponse,
    PolicyEntry,
)
from broker_core.protocol.messages.broker_heartbeat import (
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
)
from broker_core.protocol.messages.broker_registration import (
    BrokerRegistrationRequest,
    RegisteredListener,
)
from broker_core.protocol.messages.watch_cluster import WatchClusterRequest, WatchClusterResponse
from broker_core.replication.cluster_state import (
    NOTHING_KNOWN,
    ClusterState,
    Partition,
    PolicyEntries,
)
from broker_core.replication.isr_requests import IsrChange, alter_partition_request, outcomes
from broker_core.replication.peer import Credentials, Peer
from broker_core.replication.state_messages import from_message

log = structlog.get_logger()

HEARTBEATS_PER_SESSION = 5  # at least
LONGEST_HEARTBEAT_SECONDS = 1.0
REQUEST_SECONDS = 30.0
WATCH_SECONDS = 10.0  # between two answers to a node that nothing new is told
LEAVE_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_SASL_PLAINTEXT = 2
_WHOLE_LOG = 0  # any epoch that is not -1: the log has all that was acknowledged


class ControllerLink:
    """One node's connection to the controller; an async context manager.

    Entering it returns at once; connecting, registering and following go on in the background, and
    begin anew whenever the controller goes and comes.

    Attributes:
        state: The newest known state of the cluster; version 0 and empty at first.
        broker_epoch: What the controller gave this node when it registered; -1 before.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        node_id: int,
        advertised: tuple[str, int],
        credentials: Credentials,
        incarnation: UUID,
        directory_id: UUID,
        was_unclean_after_reboot: bool,
        cluster_id: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know where to go; nothing is sent before entering.

        Args:
            address: Host and port of the controller.
            advertised: Host and port that clients and siblings are told for this node.
            incarnation: Of this process: made anew by every start.
            directory_id: Of the data directory: made once, kept in it. A directory that the
                controller does not know holds nothing that was ever acknowledged, so the node
                leaves every in-sync set.
            was_unclean_after_reboot: The machine was started anew (another boot id) and the
                directory was not closed in order: the node leaves the in-sync sets that others
                can carry (KIP-966).
            cluster_id: The cluster that the directory belongs to, empty if it has never been in
                one; another cluster's controller is refused.
            clock: Seconds, never set back.
        """
        self.state: ClusterState = NOTHING_KNOWN
        self.broker_epoch = -1
        self._address = address
        self._node_id = node_id
        self._advertised = advertised
        self._credentials = credentials
        self._incarnation = incarnation
        self._directory_id = directory_id
        self._is_doubted = was_unclean_after_reboot
        self._cluster_id = cluster_id
        self._clock = clock
        self._session_seconds = 0.0
        self._unfenced_until = float("-inf")
        self._is_leaving = False
        self._subscribers: list[Callable[[ClusterState], None]] = []
        self._peer: Peer | None = None
        self._changed = asyncio.Event()
        self._heartbeat_wanted = asyncio.Event()
        self._isr_changes: list[_Asked] = []
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to follow the controller."""
        self._tasks = [
            asyncio.create_task(self._keep(self._follow), name="controller-follow"),
            asyncio.create_task(self._keep(self._live), name="controller-live"),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop at once, without a word; :meth:`leave` comes before where there is time."""
        tasks = [*self._tasks, *([self._asking] if self._asking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._unfenced_until = float("-inf")

    @property
    def is_fenced(self) -> bool:
        """Whether this node must not answer as a leader.

        True until it is registered and unfenced, and again while no heartbeat was answered within
        the session.
        """
        return self._clock() >= self._unfenced_until

    def subscribe(self, callback: Callable[[ClusterState], None]) -> None:
        """Have ``callback`` called on the loop with every newer state, in order.

        States in between may be left out. :attr:`state` is the new one already.
        """
        self._subscribers.append(callback)

    # -- asking

    async def alter_isr(self, partition: Partition, isr: Sequence[int]) -> Partition:
        """Ask for another in-sync set of a partition that this node leads.

        The epochs of the members are those of :attr:`state` at the time of the call: a member that
        registered anew since then is refused. Changes asked for at one time go as one request.

        Args:
            partition: As this node knows it; compared by its epochs.
            isr: Must contain this node.

        Returns:
            The partition as :attr:`state` has it then: with the change, or newer.

        Raises:
            FencedLeaderEpoch: Another leader was elected.
            InvalidUpdateVersion: The partition changed: wait for the newer state.
            IneligibleReplica: A member is fenced or shutting down, or registered anew.
            StaleBrokerEpoch: This node registered anew.
            UnknownTopicOrPartition: It was deleted.
            UnknownTopicId: It was deleted.
            NotController: The controller cannot be reached: nothing is known of the outcome.
        """
        unknown = [node for node in isr if node not in self.state.nodes]
        if unknown:
            raise InvalidRequest(f"nodes {unknown} are not known")
        members = tuple((node, self.state.nodes[node].epoch) for node in isr)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._isr_changes.append(_Asked(IsrChange(partition, members), answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_for_isr_changes(), name="alter-isr")
        epoch = await answer

        def present() -> Partition | None:
            known = self.state.partition(partition.topic, partition.index)
            return known if known is not None and known.topic_id == partition.topic_id else None

        def is_told() -> bool:
            known = present()
            return known is None or known.partition_epoch >= epoch

        await self._until(is_told)
        known = present()
        if known is None:
            raise UnknownTopicOrPartition(f"{partition.topic} was deleted")
        return known

    async def forward(self, request: object, version: int) -> Any:
        """Have the controller carry out a client's request; return its response message.

        For CreateTopics, DeleteTopics, CreatePartitions, IncrementalAlterConfigs, ElectLeaders,
        AlterPartitionReassignments and ListPartitionReassignments. Who may ask is checked before:
        the controller trusts its nodes. When it returns, :attr:`state` holds what was changed.

        Raises:
            NotController: The controller cannot be reached: nothing is known of the outcome.
        """
        response = await self._ask(request, version)
        await self.catch_up()
        return response

    async def catch_up(self) -> None:
        """Return once :attr:`state` is as new as the controller's was when this was called.

        Raises:
            NotController: The controller cannot be reached.
        """
        look = WatchClusterRequest(broker_id=-1, known_version=self.state.version, max_wait_ms=0)
        newest: WatchClusterResponse = await self._ask(look, 0)
        await self._until(lambda: self.state.version >= newest.version)

    async def alter_policy(
        self, known: PolicyEntries, entries: Mapping[str, str], deleted: Iterable[str]
    ) -> None:
        """Have entries of the policy replaced and removed; :attr:`state` has that when it returns.

        Args:
            known: The policy that the change was made from.

        Raises:
            InvalidUpdateVersion: The policy is another by now: :meth:`catch_up`, change that.
            PolicyViolation: It would be too large.
            StorageError: The controller could not commit it; the old policy stands.
            NotController: The controller cannot be reached: nothing is known of the outcome.
        """
        request = AlterPolicyRequest(
            known_version=known.version,
            entries=tuple(PolicyEntry(key=key, value=value) for key, value in entries.items()),
            deleted=tuple(deleted),
        )
        answer: AlterPolicyResponse = await self._ask(request, 0)
        _check(answer.error_code)
        await self._until(lambda: self.state.policy.version >= answer.version)

    async def producer_ids(self) -> range:
        """Return a block of producer ids that nobody was ever given.

        Raises:
            NotController: The controller cannot be reached.
            StaleBrokerEpoch: This node registered anew: ask again.
        """
        request = AllocateProducerIdsRequest(
            broker_id=self._node_id, broker_epoch=self.broker_epoch
        )
        answer = await self._ask(request, 0)
        _check(answer.error_code)
        first: int = answer.producer_id_start
        return range(first, first + answer.producer_id_len)

    async def leave(self) -> None:
        """Shut down in order: return once this node leads nothing, or nobody can take over.

        The node is fenced then. Returns early, with a line in the log, when the controller does not
        answer.
        """
        self._is_leaving = True
        self._heartbeat_wanted.set()
        try:
            await self._until(lambda: not self.state.is_alive(self._node_id), LEAVE_SECONDS)
        except NotController:
            log.warning("left_without_controller", node=self._node_id)
        self._unfenced_until = float("-inf")

    async def _ask(self, request: object, version: int) -> Any:
        if self._peer is None:
            raise NotController("the controller cannot be reached")
        try:
            return await self._peer.send(request, version, timeout_seconds=REQUEST_SECONDS)
        except BrokerError as error:
            raise NotController(f"the controller did not answer: {error}") from error

    async def _ask_for_isr_changes(self) -> None:
        """Send what is asked for, as much as there is at a time; then end."""
        asked: list[_Asked] = []
        try:
            while self._isr_changes:
                asked, self._isr_changes = self._isr_changes, []
                changes = [each.change for each in asked]
                request = alter_partition_request(changes, self._node_id, self.broker_epoch)
                try:
                    answers = outcomes(changes, await self._ask(request, 3))
                except BrokerError as error:
                    answers = [error] * len(asked)
                for each, answer in zip(asked, answers, strict=True):
                    each.resolve(answer)
        finally:
            self._asking = None
            for each in (*asked, *self._isr_changes):
                each.resolve(NotController("this node stops"))

    async def _until(self, condition: Callable[[], bool], seconds: float = REQUEST_SECONDS) -> None:
        """Return once a state makes ``condition`` true."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._changed.wait()
        except TimeoutError as error:
            raise NotController("the controller does not tell what it decided") from error

    # -- following

    async def _keep(self, use: Callable[[Peer], Awaitable[None]]) -> None:
        """Use a connection for ever; when it is lost, another one."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with self._connected() as peer:
                    pause = _FIRST_PAUSE_SECONDS
                    await use(peer)
            except BrokerError as error:
                log.warning("controller_lost", node=self._node_id, reason=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Peer]:
        host, port = self._address
        peer = await Peer.connect(
            host, port, credentials=self._credentials, client_id=f"node-{self._node_id}"
        )
        try:
            yield peer
        finally:
            await peer.close()

    async def _follow(self, peer: Peer) -> None:
        """Hear of every newer state."""
        while True:
            request = WatchClusterRequest(
                broker_id=self._node_id,
                known_version=self.state.version,
                max_wait_ms=round(WATCH_SECONDS * 1000),
            )
            seconds = WATCH_SECONDS + REQUEST_SECONDS
            told: WatchClusterResponse = await peer.send(request, 0, timeout_seconds=seconds)
            if self._cluster_id not in ("", told.cluster_id):
                raise InconsistentClusterId(f"{told.cluster_id}, not {self._cluster_id}")
            self._cluster_id = told.cluster_id
            self._session_seconds = told.session_timeout_ms / 1000
            if told.version > self.state.version:
                self._take(from_message(told, self.state))

    def _take(self, state: ClusterState) -> None:
        self.state = state
        for callback in self._subscribers:
            try:
                callback(state)
            except Exception:  # the node must go on hearing, whatever one part makes of it
                log.exception("subscriber_failed", version=state.version)
        self._changed.set()
        self._changed = asyncio.Event()
        if self.is_fenced:
            self._heartbeat_wanted.set()

    # -- living

    async def _live(self, peer: Peer) -> None:
        """Register where that is needed, then say that this node lives, again and again."""
        self._peer = peer
        closed = asyncio.ensure_future(peer.wait_closed())
        closed.add_done_callback(lambda _: self._heartbeat_wanted.set())
        try:
            while True:
                self._heartbeat_wanted.clear()
                if self.broker_epoch < 0:
                    await self._register(peer)
                if self.state.version > 0:
                    await self._heartbeat(peer)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pause_seconds()):
                        await self._heartbeat_wanted.wait()
        finally:
            closed.cancel()
            self._peer = None

    def _pause_seconds(self) -> float:
        """Seconds to the next heartbeat; the session is not known before the first state."""
        pause = self._session_seconds / HEARTBEATS_PER_SESSION
        return min(pause or LONGEST_HEARTBEAT_SECONDS, LONGEST_HEARTBEAT_SECONDS)

    async def _register(self, peer: Peer) -> None:
        host, port = self._advertised
        listener = RegisteredListener(
            name="SASL_PLAINTEXT", host=host, port=port, security_protocol=_SASL_PLAINTEXT
        )
        request = BrokerRegistrationRequest(
            broker_id=self._node_id,
            cluster_id=self._cluster_id,
            incarnation_id=self._incarnation.bytes,
            listeners=(listener,),
            log_dirs=(self._directory_id.bytes,),
            previous_broker_epoch=-1 if self._is_doubted else _WHOLE_LOG,
        )
        answer = await peer.send(request, 3, timeout_seconds=REQUEST_SECONDS)
        _check(answer.error_code)
        self.broker_epoch = answer.broker_epoch
        self._is_doubted = False  # from here on, what this process acknowledges it has
        log.info("registered", node=self._node_id, epoch=self.broker_epoch)

    async def _heartbeat(self, peer: Peer) -> None:
        asked = self._clock()
        request = BrokerHeartbeatRequest(
            broker_id=self._node_id,
            broker_epoch=self.broker_epoch,
            current_metadata_offset=self.state.version,
            want_fence=False,
            want_shut_down=self._is_leaving,
        )
        answer: BrokerHeartbeatResponse = await peer.send(
            request, 1, timeout_seconds=self._session_seconds
        )
        if answer.error_code in (
            ErrorCode.STALE_BROKER_EPOCH,
            ErrorCode.BROKER_ID_NOT_REGISTERED,
        ):
            self.broker_epoch = -1
        _check(answer.error_code)
        if answer.is_fenced:
            self._unfenced_until = float("-inf")
        else:
            self._unfenced_until = asked + self._session_seconds


@dataclass(frozen=True, slots=True)
class _Asked:
    """A change of an in-sync set under way; the answer is the partition's epoch after it."""

    change: IsrChange
    answer: asyncio.Future[int]

    def resolve(self, outcome: int | BrokerError) -> None:
        if self.answer.done():  # answered before, or whoever asked was cancelled
            return
        if isinstance(outcome, BrokerError):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


def _check(code: int) -> None:
    if code != ErrorCode.NONE:
        raise error_of(code, "the controller refuses")
