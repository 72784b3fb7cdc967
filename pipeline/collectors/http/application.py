"""The ASGI application of the ingest port: a table of paths, and refusals as problem details."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from pipeline.collectors.http.exchange import Problem, Receive, Request, Response, Scope, SenderGone
from pipeline.metrics import COLLECTOR_REQUESTS

log = structlog.get_logger()

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Endpoint = Callable[[Request], Awaitable[Response]]

_CLOSE = (b"connection", b"close")
_GONE_STATUS = "499"  # nobody sees it; in the counter it stands for senders that left


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What answers on a path.

    Attributes:
        endpoint: Makes the answer; refuses with ``Problem``.
        methods: What it can be asked with.
        headers: Added to every answer, refusals included.
    """

    endpoint: Endpoint
    methods: frozenset[str]
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Application:
    """Routes requests; for the loop.

    Args:
        routes: By path, exactly.
        max_discarded_bytes: How much of a refused body is read away.
    """

    def __init__(self, routes: Mapping[str, Route], *, max_discarded_bytes: int) -> None:
        self._routes = routes
        self._max_discarded_bytes = max_discarded_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3, HTTP)."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        route = self._routes.get(request.path)
        label = request.path if route is not None else "other"
        try:
            response = await self._answered(request, route)
        except SenderGone:
            COLLECTOR_REQUESTS.labels(label, _GONE_STATUS).inc()
            return
        COLLECTOR_REQUESTS.labels(label, str(response.status)).inc()
        headers = [*response.headers, *(route.headers if route is not None else ())]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _answered(self, request: Request, route: Route | None) -> Response:
        try:
            if route is None:
                raise Problem(404, "Not found", f"nothing is collected at {request.path[:200]}")
            if request.method not in route.methods:
                allowed = ", ".join(sorted(route.methods))
                raise Problem(
                    405,
                    "Method not allowed",
                    f"{request.method} here; {allowed} would be right",
                    headers=((b"allow", allowed.encode()),),
                )
            return await route.endpoint(request)
        except Problem as problem:
            response = problem.response()
        except SenderGone:
            raise
        except Exception:  # one request's trouble is not its neighbours'
            log.exception("request_failed", path=request.path)
            response = Problem(500, "Internal error", "see the log of the collectors").response()
        if request.method in ("POST", "PUT", "PATCH"):
            if response.status != 408:  # a sender that is too slow will not be quicker now
                await request.discard(max_bytes=self._max_discarded_bytes)
            if not request.is_complete:
                response.headers = (*response.headers, _CLOSE)
        return response
