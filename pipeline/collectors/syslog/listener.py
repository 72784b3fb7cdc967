"""Syslog over TCP (RFC 6587) and TLS (RFC 5425): accept senders, bound them, let them finish.

When there are as many connections as allowed, the one that has been silent longest gives way, if
it was silent for long enough; otherwise the new one is refused. Either is counted.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from datetime import timedelta

import structlog

from pipeline.collectors.collector import Health, Life
from pipeline.collectors.intake import Intake
from pipeline.collectors.recording import Recorder
from pipeline.collectors.syslog.connection import SyslogConnection
from pipeline.metrics import (
    COLLECTOR_CONNECTIONS,
    COLLECTOR_CONNECTIONS_REFUSED,
)

log = structlog.get_logger()

BUFFER_BYTES = 64 << 10
BACKLOG_CONNECTIONS = 512
HANDSHAKE_SECONDS = 10.0
FAREWELL_SECONDS = 1.5
QUIET_SECONDS = 10.0  # between two log lines about refused connections


class SyslogListener:
    """The collector of stream senders; for the loop.

    Args:
        intake: Where records go.
        recorder: Makes them; its ``collector`` names this listener (``syslog_tcp``).
        host, port: What to listen on; port 0 takes any free one.
        max_message_bytes: Longer messages are parked.
        max_connections: Senders at a time.
        idle_timeout: A sender silent for longer may be made to give way.
        tls: Certificate and key, for RFC 5425; None speaks plain TCP.
    """

    def __init__(
        self,
        intake: Intake,
        recorder: Recorder,
        *,
        host: str,
        port: int,
        max_message_bytes: int,
        max_connections: int,
        idle_timeout: timedelta,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.intake = intake
        self.recorder = recorder
        self.max_message_bytes = max_message_bytes
        self.buffer = bytearray(BUFFER_BYTES)
        self._host, self._port = host, port
        self._max_connections = max_connections
        self._idle_seconds = idle_timeout.total_seconds()
        self._tls = tls
        self._connections: set[SyslogConnection] = set()
        self._all_closed = asyncio.Event()
        self._life = Life(recorder.collector)
        self._quiet_until = 0.0

    @property
    def name(self) -> str:
        """``syslog_tcp`` or ``syslog_tls``."""
        return self.recorder.collector

    @property
    def port(self) -> int:
        """The port that is listened on, once it serves."""
        return self._port

    def health(self) -> Health:
        """The state of now."""
        return Health(
            state=self._life.state,
            address=f"{self._host}:{self._port}",
            detail=f"{len(self._connections)} connections",
        )

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Serve senders until cancelled, then let them finish.

        Raises:
            OSError: The address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SyslogConnection(self, loop.time),
            self._host,
            self._port,
            ssl=self._tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if self._tls else None,
            backlog=BACKLOG_CONNECTIONS,
        )
        self._port = server.sockets[0].getsockname()[1]
        self._life.serve(host=self._host, port=self._port)
        ready()
        try:
            await loop.create_future()
        finally:
            self._life.drain()
            server.close()
            await self._say_farewell()
            self._life.stop()

    def opened(self, connection: SyslogConnection) -> bool:
        """Take a connection in, if need be in place of one that says nothing."""
        if len(self._connections) >= self._max_connections:
            silent = min(self._connections, key=lambda one: one.heard)
            if connection.heard - silent.heard < self._idle_seconds:
                self._count_refusal(connection, "too_many", connection.heard)
                return False
            self._count_refusal(silent, "silent", connection.heard)
            silent.close()
        self._connections.add(connection)
        self._all_closed.clear()
        COLLECTOR_CONNECTIONS.labels(self.name).set(len(self._connections))
        return True

    def closed(self, connection: SyslogConnection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        COLLECTOR_CONNECTIONS.labels(self.name).set(len(self._connections))
        if not self._connections:
            self._all_closed.set()

    def _count_refusal(self, connection: SyslogConnection, reason: str, now: float) -> None:
        COLLECTOR_CONNECTIONS_REFUSED.labels(self.name, reason).inc()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            log.warning(
                "connection_refused", collector=self.name, sender=connection.peer, reason=reason
            )

    async def _say_farewell(self) -> None:
        """Read on until senders have closed, or have had the time to; then close."""
        if not self._connections:
            return
        for connection in tuple(self._connections):
            connection.stop_sending()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_closed.wait(), FAREWELL_SECONDS)
        for connection in tuple(self._connections):
            connection.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_closed.wait(), FAREWELL_SECONDS)
