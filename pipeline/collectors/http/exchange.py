"""One HTTP request and its answer, as ASGI gives and takes them; nothing between.

Refusals are ``Problem`` exceptions and leave as problem details (RFC 9457).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from pipeline.errors import PipelineError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Headers = tuple[tuple[bytes, bytes], ...]

MAX_QUERY_PARAMETERS = 32
DISCARD_SECONDS = 2.0


class SenderGone(PipelineError):
    """The sender closed before its request was complete: there is nobody to answer."""


class Problem(PipelineError):
    """A refusal, told to the sender as problem details.

    Attributes:
        status: HTTP status.
        title: What went wrong, the same words each time.
        detail: What was found and what would have been right.
        members: Further members of the JSON object.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        *,
        members: Mapping[str, object] | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.members = members or {}
        self.headers = headers

    def response(self) -> "Response":
        """The answer that tells it."""
        content = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            content["detail"] = self.detail
        body = orjson.dumps({**content, **self.members})
        return Response(self.status, body, b"application/problem+json", self.headers)


class Response:
    """An answer, complete."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, body: bytes = b"", content_type: bytes = b"", headers: Headers = ()
    ) -> None:
        self.status = status
        self.body = body
        if content_type:
            headers = ((b"content-type", content_type), *headers)
        if status != 204:
            headers = ((b"content-length", b"%d" % len(body)), *headers)
        self.headers = headers


def json_response(status: int, content: object) -> Response:
    """An answer in JSON."""
    return Response(status, orjson.dumps(content), b"application/json")


class Request:
    """A request whose body may still be on its way.

    Attributes:
        method, path: As in the request line.
        headers: By lower-case name; of a repeated one the last.
        client: The sender's address.
    """

    __slots__ = ("_is_complete", "_receive", "_scope", "client", "headers", "method", "path")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._is_complete = False
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        client = scope.get("client")
        self.client: str = client[0] if client else "unknown"

    @property
    def is_complete(self) -> bool:
        """Whether all of the body was read."""
        return self._is_complete

    def header(self, name: bytes) -> str:
        """A header's value, stripped; empty if it is absent."""
        return self.headers.get(name, b"").decode("latin-1").strip()

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the last.

        Raises:
            Problem: 400, there are too many.
        """
        text = self._scope["query_string"].decode("latin-1")
        if not text:
            return {}
        try:
            return dict(parse_qsl(text, max_num_fields=MAX_QUERY_PARAMETERS))
        except ValueError as error:
            raise Problem(400, "Too many query parameters", str(error)) from error

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, piece by piece.

        Raises:
            SenderGone: The sender closed in the middle of it.
        """
        while not self._is_complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise SenderGone("the connection ended inside the body")
            self._is_complete = not message.get("more_body", False)
            if body := message.get("body"):
                yield body

    async def discard(self, *, max_bytes: int) -> None:
        """Read a refused body away, within limits, so that the sender can hear the refusal.

        A sender that waits for ``100 Continue`` has not sent anything yet (RFC 9110, §10.1.1).
        """
        if self._is_complete or self.header(b"expect").lower() == "100-continue":
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_SECONDS):
                async for chunk in self.chunks():
                    max_bytes -= len(chunk)
                    if max_bytes < 0:
                        return
