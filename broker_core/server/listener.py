"""Accept clients over TCP, plain or with TLS, and start one Connection each.

The number of connections is limited and silent ones are closed, so that forgotten clients do not
keep newcomers out. Stopping first refuses newcomers, then finishes what is in work.
"""

import asyncio
import socket
from collections.abc import Coroutine

import structlog

from broker_core import metrics
from broker_core.server.admission import Admission
from broker_core.server.connection import Connection, Limits, OpenSession
from broker_core.server.tls import Certificates

log = structlog.get_logger()

CERTIFICATE_SECONDS = 5.0  # between two looks at the files
HANDSHAKE_SECONDS = 10.0
ACCEPT_PAUSE_SECONDS = 1.0
BACKLOG = 1024  # connections that the system holds while the loop is busy


class Listener:
    """A listening socket and its connections; an async context manager on one event loop.

    Attributes:
        port: Where it listens, known once bound.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        open_session: OpenSession,
        limits: Limits,
        admission: Admission,
        drain_seconds: float,
        certificates: Certificates | None = None,
    ) -> None:
        """Prepare; nothing is taken before :meth:`bind`.

        Args:
            admission: Shared by all listeners of a broker.
            certificates: What clients are secured with; None for plain TCP.
        """
        self._host = host
        self.port = port
        self._open_session = open_session
        self._limits = limits
        self._admission = admission
        self._drain_seconds = drain_seconds
        self._certificates = certificates
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()

    def bind(self) -> None:
        """Take the address; nobody is accepted before :meth:`start`.

        Raises:
            OSError: The address is taken or not ours.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._socket = socket.create_server((self._host, self.port), family=family, backlog=BACKLOG)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def start(self) -> None:
        """Accept clients."""
        self._run(self._accept(), "kafka-accept")
        self._run(self._sweep(), "kafka-idle-connections")
        if self._certificates is not None:
            self._run(_renew(self._certificates), "kafka-tls-certificates")

    async def stop(self) -> None:
        """Accept nobody, finish requests in work (for a limited time), close everything."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._socket.close()
        drains = [asyncio.ensure_future(each.drain()) for each in self._connections]
        if drains:
            _, late = await asyncio.wait(drains, timeout=self._drain_seconds)
            for drain in late:
                drain.cancel()
        for connection in tuple(self._connections):
            connection.abort()

    def _run(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(self._socket)
            except OSError as error:  # no descriptor is left, or the client is gone already
                log.warning("accept_failed", error=str(error))
                await asyncio.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            refusal = self._admission.refusal(address[0])
            if refusal is None:
                self._run(self._connect(accepted, address[0]), "kafka-connect")
            else:
                metrics.CONNECTIONS_REFUSED.labels(reason=refusal).inc()
                accepted.close()

    async def _connect(self, accepted: socket.socket, address: str) -> None:
        """Make a connection of an accepted socket; over TLS that takes a handshake."""
        connection = Connection(self._open_session, self._limits, self._opened, self._closed)
        tls = None if self._certificates is None else self._certificates.context
        timeout = None if tls is None else HANDSHAKE_SECONDS
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection, accepted, ssl=tls, ssl_handshake_timeout=timeout
            )
        except OSError as error:
            metrics.CONNECTIONS_REFUSED.labels(reason="tls_handshake").inc()
            log.warning("tls_handshake_failed", peer=address, error=str(error))
        finally:
            if not connection.is_open:
                self._admission.leave(address)

    def _opened(self, connection: Connection) -> None:
        self._connections.add(connection)

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._admission.leave(connection.peer)

    async def _sweep(self) -> None:
        interval = max(0.1, self._limits.idle_seconds / 4)
        while True:
            await asyncio.sleep(interval)
            for connection in [each for each in self._connections if each.is_idle]:
                connection.refuse("idle", f"silent for {self._limits.idle_seconds} s")


async def _renew(certificates: Certificates) -> None:
    """Look after the certificate's files until cancelled."""
    while True:
        await asyncio.sleep(CERTIFICATE_SECONDS)
        await asyncio.to_thread(certificates.renew)
