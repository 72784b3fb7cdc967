"""``/metrics`` and ``/healthz`` of a process, beside whatever else it serves.

``/healthz`` answers 200 once the role is ready and 503 before and while it stops; a role that
serves but cannot do all of its work says ``degraded`` and why. Both need no sign-in: they listen on
loopback unless configured, and show counts, never contents.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

Report = Callable[[], tuple[bool, Mapping[str, object]]]


@asynccontextmanager
async def serve_health(host: str, port: int, report: Report) -> AsyncIterator[None]:
    """Answer on ``host:port`` until the block ends.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        report: Whether the process is healthy, and what its JSON answer says.
    """
    config = uvicorn.Config(
        _application(report),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        limit_concurrency=32,
        timeout_graceful_shutdown=1,
    )
    server = _Embedded(config)
    task = asyncio.create_task(server.serve(), name="health")
    try:
        yield
    finally:
        server.should_exit = True
        await task


class _Embedded(uvicorn.Server):
    """A server that leaves the process's signals to its owner."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take no signal: the role decides what one means."""
        yield


def _application(report: Report) -> Any:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/metrics":
            status, kind, body = 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
        elif scope["path"] == "/healthz":
            healthy, details = report()
            status, kind = (200 if healthy else 503), "application/json"
            body = json.dumps(details).encode()
        else:
            status, kind, body = 404, "text/plain", b"only /metrics and /healthz are here\n"
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application
