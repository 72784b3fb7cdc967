"""One answer, as ClickHouse words it: headers first or held back, chunks, an error anywhere."""

import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pipeline.store.embedded.errors import REQUIRED_PASSWORD, EngineError

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# With wait_end_of_query a result is held until it is known to be whole; above this it is sent
# as it comes after all, and an error ends it as an __exception__ block.
_HELD_BYTES = 16 << 20


class Reply:
    """The answer to one request.

    Attributes:
        query_id: Sent back as ``X-ClickHouse-Query-Id``.
        format: Sent as ``X-ClickHouse-Format``.
    """

    def __init__(self, send: Send, version: str, timezone: str) -> None:
        self._send = send
        self._version = version
        self._timezone = timezone
        self._tag = secrets.token_hex(8)
        self._held: list[bytes] | None = None
        self._held_bytes = 0
        self._started = False
        self.query_id = ""
        self.format = ""

    async def whole(self, body: bytes, *, status: int = 200, written_rows: int = 0) -> None:
        """Everything at once."""
        await self._start(status, body_bytes=len(body), written_rows=written_rows)
        await self._send({"type": "http.response.body", "body": body})

    def begin(self, *, hold: bool) -> None:
        """A result follows; ``hold`` keeps it back until its end is known."""
        self._held = [] if hold else None

    async def chunk(self, data: bytes) -> None:
        """The next part of a result."""
        if self._held is not None:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes <= _HELD_BYTES:
                return
            data, self._held = b"".join(self._held), None
        if not self._started:
            await self._start(200)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, *, read_rows: int) -> None:
        """The result is whole."""
        if self._started:
            await self._send({"type": "http.response.body", "body": b""})
            return
        body = b"".join(self._held or ())
        await self._start(200, body_bytes=len(body), read_rows=read_rows)
        await self._send({"type": "http.response.body", "body": body})

    async def fail(self, error: EngineError) -> None:
        """An error, as a status if nothing was sent yet, else as an ``__exception__`` block."""
        text = f"{error.text} (version {self._version} (Tocsin))\n".encode()
        if not self._started:
            extra = [(b"x-clickhouse-exception-code", str(error.code).encode())]
            if error.code == REQUIRED_PASSWORD:
                extra.append((b"www-authenticate", b'Basic realm="ClickHouse server HTTP API"'))
            if error.status == 503:
                extra.append((b"retry-after", b"1"))
            self.format = ""
            await self._start(error.status, body_bytes=len(text), extra=extra)
            await self._send({"type": "http.response.body", "body": text})
            return
        tag = self._tag.encode()
        block = b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n"
        await self._send(
            {"type": "http.response.body", "body": block % (tag, text, len(text), tag)}
        )

    async def _start(
        self,
        status: int,
        *,
        body_bytes: int | None = None,
        written_rows: int = 0,
        read_rows: int = 0,
        extra: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        self._started = True
        summary = {"read_rows": str(read_rows), "written_rows": str(written_rows)}
        headers = [
            (b"content-type", b"text/plain; charset=UTF-8"),
            (b"x-clickhouse-server-display-name", b"tocsin"),
            (b"x-clickhouse-query-id", self.query_id.encode("latin-1", "replace")),
            (b"x-clickhouse-timezone", self._timezone.encode()),
            (b"x-clickhouse-summary", json.dumps(summary).encode()),
            (b"x-clickhouse-exception-tag", self._tag.encode()),
            *(extra or ()),
        ]
        if self.format:
            headers.append((b"x-clickhouse-format", self.format.encode("latin-1", "replace")))
        if body_bytes is not None:
            headers.append((b"content-length", str(body_bytes).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
