"""Build a broker from its settings and run it; the only module that knows every part."""

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType

import structlog

from broker_core.authorizer import Authorizer
from broker_core.clock import Clock, SystemClock
from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.offsets import OffsetStore
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.handlers.delayed import DelayedFetches
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.handlers.topology import SingleNode
from broker_core.log.cleaner import LogCleaner
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.policy.policy_store import PolicyStore
from broker_core.replication.replicas import Replicas
from broker_core.server.connection import Limits
from broker_core.server.listener import Listener
from broker_core.server.sasl import Mechanisms
from broker_core.settings import Access, BrokerSettings

log = structlog.get_logger()


class Broker:
    """One broker node: an async context manager that serves between enter and exit.

    Leaving it stops in order: nobody new is let in, requests in work are finished, everything is
    synced and a marker of the clean shutdown is left.

    Attributes:
        settings: What it was built from.
        port: Where it listens, known once entered.
    """

    def __init__(self, settings: BrokerSettings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.port = settings.port
        self._clock = clock or SystemClock()

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
        log.info("broker_started", host=settings.host, port=self.port, data=str(settings.data_dir))
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

    async def _open(self, opened: AsyncExitStack) -> None:
        """Open part after part; each leaves with ``opened`` how it is closed again."""
        settings = self.settings
        logs = await asyncio.to_thread(LogDirectory, settings.data_dir, settings.log, self._clock)
        self._logs = logs
        opened.push_async_callback(asyncio.to_thread, logs.close)
        commit = GroupCommit(logs.fault)
        opened.push_async_callback(commit.close)
        cleaner = asyncio.create_task(
            LogCleaner(logs, commit, self._clock).run(), name="log-cleaner"
        )
        opened.push_async_callback(_cancel, cleaner)
        partitions = settings.groups.offsets_partitions
        offsets = await asyncio.to_thread(
            OffsetStore.open, logs, commit, self._clock, partitions=partitions
        )
        groups = GroupRegistry(offsets, logs, settings.groups, self._clock)
        delayed = DelayedFetches()
        policy = await asyncio.to_thread(PolicyStore, settings.data_dir)
        listener = self._listener()
        await listener.bind()
        self.port = listener.port
        self._services = Services(
            settings=settings,
            logs=logs,
            commit=commit,
            replicas=Replicas(logs, commit),
            topology=SingleNode(
                logs,
                node_id=settings.node_id,
                host=settings.advertised_host or settings.host,
                port=self.port,
            ),
            groups=groups,
            producer_ids=ProducerIds(settings.data_dir),
            clock=self._clock,
            authorizer=Authorizer(restricted=settings.access is Access.RESTRICTED),
            delayed=delayed,
            mechanisms=Mechanisms(settings.users, lambda: policy.current.credentials),
            policy=policy,
        )
        await listener.start()
        opened.push_async_callback(listener.stop)
        opened.callback(groups.close)  # last opened, first closed: who waits is answered
        opened.callback(delayed.stop)

    def _listener(self) -> Listener:
        settings = self.settings
        return Listener(
            settings.host,
            settings.port,
            open_session=lambda host: ClientSession(self._services, host),
            limits=Limits(
                requests=settings.max_pipelined_requests,
                bytes=settings.max_frame_bytes,
                idle_seconds=settings.idle_timeout.total_seconds(),
            ),
            max_connections=settings.max_connections,
            drain_seconds=settings.drain_timeout.total_seconds(),
        )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
