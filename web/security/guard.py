"""What surrounds every request: headers that browsers obey, a limit on bodies, and a count."""

from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.metrics import REQUEST_SECONDS, REQUESTS
from web.security.requests import SECURITY_HEADERS


class BodyTooLarge(HTTPException):
    """A body went on beyond the limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"A request body has at most {limit:,} bytes here.")


class Guard:
    """ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, face = perf_counter(), face_of(scope)

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                REQUESTS.labels(face=face, status=f"{message['status'] // 100}").inc()
            await send(message)

        await self._app(scope, self._bounded(receive), guarded_send)
        if face != "stream":
            REQUEST_SECONDS.labels(face=face).observe(perf_counter() - started)

    def _bounded(self, receive: Receive) -> Receive:
        left = self._max_body_bytes

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise BodyTooLarge(self._max_body_bytes)
            return message

        return bounded


def face_of(scope: Scope) -> str:
    """Which face of the console a request meets."""
    path: str = scope["path"]
    if path.startswith(("/api/", "/healthz", "/metrics")):
        return "api"
    for face in ("stream", "static"):
        if path.startswith((f"/{face}/", f"/{face}s/")):
            return face
    return "fragment" if (b"hx-request", b"true") in scope["headers"] else "page"
