"""Build a broker from its settings and run it; the only module that knows every part."""

import asyncio
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
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.server.connection import Limits
from broker_core.server.listener import Listener
from broker_core.server.sasl import PlainMechanism
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
        settings = self.settings
        self._logs = await asyncio.to_thread(
            LogDirectory, settings.data_dir, settings.log, self._clock
        )
        self._commit = GroupCommit(self._logs.fault)
        offsets = await asyncio.to_thread(
            OffsetStore.open,
            self._logs,
            self._commit,
            self._clock,
            partitions=settings.groups.offsets_partitions,
        )
        self._groups = GroupRegistry(offsets, self._logs, settings.groups, self._clock)
        self._delayed = DelayedFetches()
        self._listener = Listener(
            settings.host,
            settings.port,
            open_session=self._open_session,
            limits=Limits(
                requests=settings.max_pipelined_requests,
                bytes=settings.max_frame_bytes,
                idle_seconds=settings.idle_timeout.total_seconds(),
            ),
            max_connections=settings.max_connections,
            drain_seconds=settings.drain_timeout.total_seconds(),
        )
        self._authorizer = Authorizer(restricted=settings.access is Access.RESTRICTED)
        self._sasl = PlainMechanism(settings.users)
        try:
            await self._listener.start()
        except OSError:
            await self._close_logs()
            raise
        self.port = self._listener.port
        self._services = self._assemble()
        log.info("broker_started", host=settings.host, port=self.port, data=str(settings.data_dir))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop in order."""
        self._delayed.stop()
        self._groups.close()
        await self._listener.stop()
        await self._close_logs()
        log.info("broker_stopped", port=self.port)

    def _assemble(self) -> Services:
        return Services(
            settings=self.settings,
            logs=self._logs,
            commit=self._commit,
            groups=self._groups,
            producer_ids=ProducerIds(self.settings.data_dir),
            authorizer=self._authorizer,
            delayed=self._delayed,
            authenticate=self._sasl.authenticate,
            advertised_port=self.port,
        )

    def _open_session(self, host: str) -> ClientSession:
        return ClientSession(self._services, host)

    async def _close_logs(self) -> None:
        await self._commit.close()
        await asyncio.to_thread(self._logs.close)
