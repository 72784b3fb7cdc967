"""Accept TCP clients and start one Connection each.

The number of connections is limited and silent ones are closed, so that forgotten clients do not
keep newcomers out. Stopping first refuses newcomers, then finishes what is in work.
"""

import asyncio

import structlog

from broker_core import metrics
from broker_core.server.connection import Connection, Limits, OpenSession

log = structlog.get_logger()

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
        max_connections: int,
        drain_seconds: float,
    ) -> None:
        self._host = host
        self.port = port
        self._open_session = open_session
        self._limits = limits
        self._max_connections = max_connections
        self._drain_seconds = drain_seconds
        self._connections: set[Connection] = set()

    async def bind(self) -> None:
        """Take the address; nobody is accepted before :meth:`start`.

        Raises:
            OSError: The address is taken or not ours.
        """
        self._server = await asyncio.get_running_loop().create_server(
            self._accept, self._host, self.port, backlog=BACKLOG, start_serving=False
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def start(self) -> None:
        """Accept clients."""
        self._sweeper = asyncio.create_task(self._sweep(), name="kafka-idle-connections")
        await self._server.start_serving()

    async def stop(self) -> None:
        """Accept nobody, finish requests in work (for a limited time), close everything."""
        self._server.close()
        self._sweeper.cancel()
        drains = [asyncio.ensure_future(each.drain()) for each in self._connections]
        if drains:
            _, late = await asyncio.wait(drains, timeout=self._drain_seconds)
            for drain in late:
                drain.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        await self._server.wait_closed()

    def _accept(self) -> Connection:
        return Connection(self._open_session, self._limits, self._opened, self._closed)

    def _opened(self, connection: Connection) -> bool:
        if len(self._connections) >= self._max_connections:
            metrics.CONNECTIONS_REFUSED.labels(reason="too_many").inc()
            return False
        self._connections.add(connection)
        metrics.CONNECTIONS.inc()
        return True

    def _closed(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            metrics.CONNECTIONS.dec()

    async def _sweep(self) -> None:
        interval = max(0.1, self._limits.idle_seconds / 4)
        while True:
            await asyncio.sleep(interval)
            for connection in [each for each in self._connections if each.is_idle]:
                connection.refuse("idle", f"silent for {self._limits.idle_seconds} s")
