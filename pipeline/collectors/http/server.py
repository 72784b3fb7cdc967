"""The HTTP listener: uvicorn with limits on what a sender can do before a request is whole.

Uvicorn (with httptools) neither bounds the bytes of a request's headers nor the time they take;
``_GuardedConnection`` does, and it bounds the connections. The rest is the application's.
"""

import asyncio
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.collectors.collector import Health, Life
from pipeline.collectors.http.application import Application
from pipeline.collectors.http.exchange import Problem
from pipeline.metrics import (
    COLLECTOR_CONNECTIONS,
    COLLECTOR_CONNECTIONS_REFUSED,
)

NAME = "http"
MAX_HEADER_BYTES = 32 << 10
BACKLOG_CONNECTIONS = 512
KEEP_ALIVE_SECONDS = 75  # longer than the 60 s that load balancers keep idle connections


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """What one sender, and all of them, may do.

    Attributes:
        max_connections: At a time.
        max_request_bytes: Of a request in all, framing included; beyond it the sender is cut off.
        header_timeout: For the headers of a request to arrive.
        drain_timeout: For requests under way when the listener stops.
    """

    max_connections: int
    max_request_bytes: int
    header_timeout: timedelta
    drain_timeout: timedelta


class HttpListener:
    """The collector that serves all HTTP endpoints; for the loop.

    Args:
        application: Answers the requests.
        host, port: What to listen on; port 0 takes any free one.
        limits: What senders may do.
    """

    def __init__(
        self, application: Application, *, host: str, port: int, limits: HttpLimits
    ) -> None:
        self._application = application
        self._host, self._port = host, port
        self._limits = limits
        self._life = Life(NAME)
        self._server: _Server | None = None

    @property
    def name(self) -> str:
        """``http``."""
        return NAME

    @property
    def port(self) -> int:
        """The port that is listened on, once it serves."""
        return self._port

    def health(self) -> Health:
        """The state of now."""
        count = len(self._server.server_state.connections) if self._server is not None else 0
        return Health(
            state=self._life.state,
            address=f"{self._host}:{self._port}",
            detail=f"{count} connections",
        )

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Serve until cancelled; then answer what has been asked.

        Raises:
            OSError: The address cannot be listened on.
        """
        listening = open_socket(self._host, self._port)
        self._port = listening.getsockname()[1]
        self._server = server = _Server(self._config())
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="http-serve")
        try:
            await server.listening.wait()
            self._life.serve(host=self._host, port=self._port)
            ready()
            await asyncio.shield(serving)
        finally:
            self._life.drain()
            server.should_exit = True
            await serving
            self._life.stop()

    def _config(self) -> uvicorn.Config:
        limits = self._limits
        guarded = type("GuardedConnection", (_GuardedConnection,), {"limits": limits})
        return uvicorn.Config(
            self._application,
            http=guarded,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(limits.drain_timeout.total_seconds()),
        )


class _Server(uvicorn.Server):
    """A server that leaves the process's signals to its owner.

    Attributes:
        listening: Set once it accepts connections.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take no signal: the role decides what one means."""
        yield


class _GuardedConnection(HttpToolsProtocol):
    """One HTTP connection with limits before and around its requests."""

    limits: ClassVar[HttpLimits]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._in_headers = True
        self._request_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the sender in, or tell it that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
            self._refuse("too_many", Problem(503, "Too many connections", "try again"))
            return
        COLLECTOR_CONNECTIONS.labels(NAME).set(len(self.connections))
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        self._disarm()
        super().connection_lost(exc)
        COLLECTOR_CONNECTIONS.labels(NAME).set(len(self.connections))

    def data_received(self, data: bytes) -> None:
        """Bytes have come: parse them, within limits."""
        if self.transport.is_closing():
            return
        self._request_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_headers:
            if self._request_bytes > MAX_HEADER_BYTES:
                detail = f"at most {MAX_HEADER_BYTES} bytes"
                self._refuse("headers_too_large", Problem(431, "Headers too large", detail))
            elif self._timer is None and self._request_bytes:
                self._arm()
        elif self._request_bytes > self.limits.max_request_bytes:
            self._refuse("request_too_large", None)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_headers = True

    def on_headers_complete(self) -> None:
        """Its headers are whole."""
        self._in_headers = False
        self._disarm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Its body is whole; what comes now is another request's."""
        super().on_message_complete()
        self._request_bytes = 0
        self._in_headers = True

    def _arm(self) -> None:
        self._timer = self.loop.call_later(
            self.limits.header_timeout.total_seconds(), self._headers_too_slow
        )

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _headers_too_slow(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self._refuse("headers_too_slow", Problem(408, "Request too slow", "send the headers"))

    def _refuse(self, reason: str, problem: Problem | None) -> None:
        """End the connection, with an answer if a request could still be answered."""
        COLLECTOR_CONNECTIONS_REFUSED.labels(NAME, reason).inc()
        self._disarm()
        if problem is None or (self.cycle is not None and not self.cycle.response_complete):
            self.transport.abort()
            return
        response = problem.response()
        head = [b"HTTP/1.1 %d %s" % (problem.status, problem.title.encode())]
        head += [b"%s: %s" % header for header in response.headers]
        self.transport.write(b"\r\n".join([*head, b"connection: close", b"", response.body]))
        self.transport.close()


def open_socket(host: str, port: int) -> socket.socket:
    """A bound TCP socket.

    Raises:
        OSError: The address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio does not switch Nagle's algorithm off (see pipeline.store.embedded).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind((host, port))
    except BaseException:
        listening.close()
        raise
    return listening
