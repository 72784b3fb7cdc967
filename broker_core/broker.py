"""Build a broker from its settings and run it; the only module that knows every part."""

import asyncio
import hashlib
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import TracebackType

import structlog

from broker_core import metrics
from broker_core.authorizer import Authorizer
from broker_core.clock import Clock, SystemClock
from broker_core.coordinator.cluster_producer_ids import ClusterProducerIds
from broker_core.coordinator.coordinators import Coordinators, Ground, open_coordinators
from broker_core.coordinator.group_progress import ClusterProgress
from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.high_watermarks import (
    ClusterHighWatermarks,
    HighWatermarks,
    OwnHighWatermarks,
)
from broker_core.coordinator.measuring import Measuring
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.handlers.delayed import DelayedFetches
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.fetch_session import FetchSessions
from broker_core.handlers.preparing import Preparing
from broker_core.handlers.services import Services
from broker_core.handlers.throttling import Throttle
from broker_core.handlers.topology import ClusterTopology, OtherListener, SingleNode, Topology
from broker_core.log.budget_keeper import BudgetKeeper
from broker_core.log.cleaner import LogCleaner
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.policy.cluster_policy import ClusterPolicy
from broker_core.policy.own_policy import OwnPolicy
from broker_core.policy.policy_store import PolicyStore
from broker_core.replication import log_starts
from broker_core.replication.node import ClusterNode, Membership
from broker_core.replication.replicas import Replicas
from broker_core.server.admission import Admission
from broker_core.server.connection import Limits, OpenSession, Peer
from broker_core.server.listener import Listener
from broker_core.server.sasl import Mechanisms
from broker_core.server.tls import Certificates
from broker_core.settings import Access, BrokerSettings

log = structlog.get_logger()


class Broker:
    """One broker node: an async context manager that serves between enter and exit.

    Leaving it stops in order: nobody new is let in, requests in work are finished, everything is
    synced and a marker of the clean shutdown is left.

    Attributes:
        settings: What it was built from.
        port: Where it listens, known once entered.
        node: Its part in a cluster, once entered; None: it is alone.
        tls_port: Where it listens for TLS, known once entered; None if it does not.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        clock: Clock | None = None,
        membership: Membership | None = None,
    ) -> None:
        """Know what to build.

        Args:
            membership: The cluster to join; None: the node is alone.
        """
        self.settings = settings
        self.port = settings.port
        self.tls_port: int | None = None
        self._clock = clock or SystemClock()
        self._membership = membership
        self.node: ClusterNode | None = None

    async def __aenter__(self) -> "Broker":
        """Recover the logs, then listen.

        Raises:
            StorageError: The log directory cannot be used.
            OSError: The address is taken or not ours.
        """
        async with AsyncExitStack() as opened:
            await self._open(opened)
            self._opened = opened.pop_all()
        settings = self.settings
        log.info(
            "broker_started",
            host=settings.host,
            port=self.port,
            tls_port=self.tls_port,
            data=str(settings.data_dir),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop in order."""
        await self._opened.aclose()
        log.info("broker_stopped", port=self.port)

    @property
    def failure(self) -> str | None:
        """Why the log directory is out of service; None while all is well.

        After a failure every produce and commit is refused until the broker is started anew.
        """
        return self._logs.fault.reason

    @property
    def shortage(self) -> str | None:
        """Why nothing can be written for lack of space, though reading goes on; None if it can."""
        return self._logs.fault.shortage

    @property
    def exclusion(self) -> str | None:
        """Why this node of a cluster may lead nothing for now; None while it may, or is alone."""
        if self.node is None or not self.node.link.is_fenced:
            return None
        return "the controller does not answer, or has not let this node in yet"

    async def _open(self, opened: AsyncExitStack) -> None:
        """Open part after part; each leaves with ``opened`` how it is closed again."""
        settings = self.settings
        logs = await asyncio.to_thread(
            LogDirectory,
            settings.data_dir,
            settings.log,
            self._clock,
            is_replicated=self._membership is not None,
        )
        self._logs = logs
        opened.push_async_callback(asyncio.to_thread, logs.close)
        commit = GroupCommit(logs.fault)
        opened.push_async_callback(commit.close)
        preparing = Preparing()
        opened.push_async_callback(preparing.close)
        cleaner = LogCleaner(logs, commit, self._clock)
        _run(cleaner.run(), "log-cleaner", opened)
        delayed = DelayedFetches()
        listeners = await self._bind(opened)
        place = await self._place(logs, commit, opened)
        self.node, policy = place.node, place.policy
        coordinators = await self._coordinators(place, logs, commit, opened)
        groups = coordinators.groups
        self._services = Services(
            settings=settings,
            logs=logs,
            commit=commit,
            replicas=place.replicas,
            topology=place.topology,
            groups=groups,
            producer_ids=place.producer_ids,
            transactions=coordinators.transactions,
            verification=coordinators.verification,
            markers=coordinators.markers,
            clock=self._clock,
            authorizer=self._authorizer(policy),
            delayed=delayed,
            fetch_sessions=FetchSessions(
                slots=settings.max_fetch_sessions,
                new_id=lambda: secrets.randbelow(2**31 - 1) + 1,
                evicted=metrics.FETCH_SESSION_EVICTIONS.inc,
            ),
            mechanisms=Mechanisms(self._users(), lambda: policy.current.credentials),
            policy=policy,
            throttle=Throttle(policy),
            preparing=preparing,
            node_user=None if self._membership is None else self._membership.credentials.name,
        )
        if settings.disk_budget is not None:
            keeper = self._keeper(place, logs, cleaner, groups, opened)
            _run(keeper.run(), "disk-budget", opened)
        _run(Measuring(logs, groups, _high_watermarks(place, logs)).run(), "measuring", opened)
        _run(_let_in(listeners, policy), "let-in", opened)
        opened.callback(groups.close)  # last opened, first closed: who waits is answered
        opened.callback(delayed.stop)
        if place.node is not None:
            opened.push_async_callback(place.node.leave)

    async def _place(
        self, logs: LogDirectory, commit: GroupCommit, opened: AsyncExitStack
    ) -> "_Place":
        """Be alone, or join the cluster; the address is known by now."""
        settings = self.settings
        host = settings.advertised_host or settings.host
        if self._membership is None:
            return _Place(
                replicas=Replicas(logs, commit),
                topology=SingleNode(logs, node_id=settings.node_id, host=host, port=self.port),
                producer_ids=ProducerIds(settings.data_dir),
                policy=await asyncio.to_thread(OwnPolicy, settings.data_dir),
            )
        node = await asyncio.to_thread(
            ClusterNode,
            self._membership,
            logs,
            commit,
            settings.replication,
            node_id=settings.node_id,
            advertised=(host, self.port),
        )
        await opened.enter_async_context(node)
        return _Place(
            replicas=node,
            topology=ClusterTopology(node.link),
            producer_ids=ClusterProducerIds(node.link.producer_ids),
            policy=ClusterPolicy(node.link),
            node=node,
        )

    async def _coordinators(
        self, place: "_Place", logs: LogDirectory, commit: GroupCommit, opened: AsyncExitStack
    ) -> Coordinators:
        """Coordinate groups and transactions, and look after those that take too long."""
        ground = Ground(
            settings=self.settings,
            clock=self._clock,
            logs=logs,
            commit=commit,
            replicas=place.replicas,
            producer_ids=place.producer_ids,
            state=lambda: place.topology.state,
            node=place.node,
        )
        coordinators = await open_coordinators(ground, opened)
        _run(coordinators.transactions.run(), "transaction-check", opened)
        return coordinators

    def _users(self) -> Mapping[str, str]:
        """Who may sign in with PLAIN: the users that are configured, and the cluster's nodes."""
        if self._membership is None:
            return self.settings.users
        credentials = self._membership.credentials
        digest = hashlib.sha256(credentials.secret.encode()).hexdigest()
        return {**self.settings.users, credentials.name: digest}

    def _keeper(
        self,
        place: "_Place",
        logs: LogDirectory,
        cleaner: LogCleaner,
        groups: GroupRegistry,
        opened: AsyncExitStack,
    ) -> BudgetKeeper:
        """Keep the disk budget by what groups have read, which other nodes may know."""
        node, protected = place.node, self.settings.disk_budget_groups
        assert self.settings.disk_budget is not None
        keeper = partial(BudgetKeeper, logs, cleaner, budget_bytes=self.settings.disk_budget)
        if node is None:
            return keeper(progress=lambda: [groups.progress(group) for group in protected])
        progress = ClusterProgress(
            protected, groups, node.siblings, lambda: node.link.state, node_id=node.node_id
        )
        _run(progress.run(), "group-progress", opened)
        return keeper(
            progress=progress.known,
            move_starts=lambda starts: log_starts.move(starts, node.link.state, node.siblings),
        )

    def _authorizer(self, policy: PolicyStore) -> Authorizer:
        """Who may do what; the cluster's nodes may do everything."""
        settings = self.settings
        if settings.access is Access.OPEN:
            return Authorizer.open()
        if settings.access is Access.RESTRICTED:
            return Authorizer.restricted()
        nodes = () if self._membership is None else (self._membership.credentials.name,)
        return Authorizer.by_acls(
            (*settings.super_users, *nodes),
            lambda: policy.current.acls,
            open_without_acl=settings.open_without_acl,
        )

    async def _bind(self, opened: AsyncExitStack) -> list[Listener]:
        """Take the addresses, and leave with ``opened`` how they are given up."""
        settings = self.settings
        admission = Admission(
            connections=settings.max_connections,
            connections_per_address=settings.max_connections_per_address,
        )
        plain = self._listener(settings.host, settings.port, admission, self._session)
        plain.bind()
        opened.push_async_callback(plain.stop)
        self.port = plain.port
        if settings.tls.certificate is None:
            return [plain]
        certificates = await asyncio.to_thread(Certificates, settings.tls)
        tls = self._listener(
            settings.tls.host, settings.tls.port, admission, self._tls_session, certificates
        )
        tls.bind()
        opened.push_async_callback(tls.stop)
        self.tls_port = tls.port
        return [plain, tls]

    def _session(self, peer: Peer) -> ClientSession:
        return ClientSession(self._services, peer.host)

    def _tls_session(self, peer: Peer) -> ClientSession:
        return ClientSession(self._tls_services, peer.host, peer.subject)

    @cached_property
    def _tls_services(self) -> Services:
        """What clients of the TLS listener see: the same cluster at other addresses."""
        assert self.tls_port is not None
        tls = self.settings.tls
        topology = OtherListener(
            self._services.topology,
            host=tls.advertised_host or tls.host,
            port_shift=self.tls_port - self.port,
        )
        return replace(self._services, topology=topology)

    def _listener(
        self,
        host: str,
        port: int,
        admission: Admission,
        open_session: OpenSession,
        certificates: Certificates | None = None,
    ) -> Listener:
        settings = self.settings
        return Listener(
            host,
            port,
            open_session=open_session,
            limits=Limits(
                requests=settings.max_pipelined_requests,
                bytes=settings.max_frame_bytes,
                idle_seconds=settings.idle_timeout.total_seconds(),
            ),
            admission=admission,
            drain_seconds=settings.drain_timeout.total_seconds(),
            certificates=certificates,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What differs between a node that is alone and one of a cluster."""

    replicas: Replicas
    topology: Topology
    producer_ids: ProducerIds
    policy: PolicyStore
    node: ClusterNode | None = None


def _high_watermarks(place: _Place, logs: LogDirectory) -> HighWatermarks:
    node = place.node
    if node is None:
        return OwnHighWatermarks(logs)
    return ClusterHighWatermarks(node, node.siblings, lambda: node.link.state, node_id=node.node_id)


async def _let_in(listeners: Sequence[Listener], policy: PolicyStore) -> None:
    """Let clients in once it is known who may come in."""
    await policy.known()
    for listener in listeners:
        listener.start()


def _run(work: Coroutine[None, None, None], name: str, opened: AsyncExitStack) -> None:
    opened.push_async_callback(_cancel, asyncio.create_task(work, name=name))


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
