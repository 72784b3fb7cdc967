"""Build a controller from its settings and run it: the cluster's one writer behind a socket."""

import base64
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from uuid import uuid4

import structlog

from broker_core import metrics
from broker_core.replication.cluster import Cluster
from broker_core.replication.controller_session import ControllerSession
from broker_core.server.admission import Admission
from broker_core.server.connection import Limits
from broker_core.server.listener import Listener
from broker_core.server.sasl import PlainExchange
from broker_core.settings import ControllerSettings

log = structlog.get_logger()

MAX_CONNECTIONS = 100  # two a node, and room for those that come anew before the old ones are gone
_PIPELINED_REQUESTS = 64
_BYTES_IN_WORK = 16 << 20
_IDLE_SECONDS = 600.0
_DRAIN_SECONDS = 2.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the id of this start of the machine, empty where the system tells none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


class Controller:
    """The controller of several nodes: an async context manager that serves between enter and exit.

    Attributes:
        settings: What it was built from.
        port: Where it listens, known once entered.
    """

    def __init__(self, settings: ControllerSettings) -> None:
        self.settings = settings
        self.port = settings.port

    async def __aenter__(self) -> "Controller":
        """Read what was decided, then listen.

        Raises:
            StorageError: The database cannot be used.
            OSError: The address is taken or not ours.
        """
        settings = self.settings
        new_cluster_id = base64.urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode()
        cluster = Cluster(settings, boot_id=boot_id(), new_cluster_id=new_cluster_id)
        users = {name: digest.lower() for name, digest in settings.users.items()}

        def authenticate(message: bytes) -> str:
            exchange = PlainExchange(users)
            exchange.step(message)
            assert exchange.name is not None
            return exchange.name

        listener = Listener(
            settings.host,
            settings.port,
            open_session=lambda peer: ControllerSession(cluster, authenticate, peer.host),
            limits=Limits(
                requests=_PIPELINED_REQUESTS, bytes=_BYTES_IN_WORK, idle_seconds=_IDLE_SECONDS
            ),
            admission=Admission(
                connections=MAX_CONNECTIONS, connections_per_address=MAX_CONNECTIONS
            ),
            drain_seconds=_DRAIN_SECONDS,
        )
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(cluster)
            listener.bind()
            listener.start()
            opened.push_async_callback(listener.stop)
            opened.callback(cluster.release_watchers)  # last opened, first closed
            self._opened = opened.pop_all()
        self._cluster = cluster
        metrics.CONTROLLER_ACTIVE.set(1)
        self.port = listener.port
        log.info("controller_started", port=self.port, data=str(settings.data_dir))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish requests in work, then let the database go."""
        metrics.CONTROLLER_ACTIVE.set(0)
        await self._opened.aclose()
        log.info("controller_stopped", port=self.port)

    async def failed(self) -> None:
        """Return once the database has failed: nothing but a new start will help."""
        await self._cluster.failed()
