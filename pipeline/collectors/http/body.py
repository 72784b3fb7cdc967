"""Request bodies into memory: bounded each, bounded together, bounded in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from pipeline.collectors.http.compression import (
    CODINGS,
    BodyCorrupt,
    BodyTooLarge,
    Decompressor,
)
from pipeline.collectors.http.exchange import Problem, Request


class BodyReader:
    """Reads the bodies of a process's ingest requests; for the loop.

    Args:
        max_body_bytes: Largest body, before and after decompression.
        max_buffered_bytes: All bodies together.
        timeout: For one body to arrive.
    """

    def __init__(self, *, max_body_bytes: int, max_buffered_bytes: int, timeout: timedelta) -> None:
        self._max_body_bytes = max_body_bytes
        self._max_buffered_bytes = max_buffered_bytes
        self._seconds = timeout.total_seconds()
        self._buffered_bytes = 0

    @asynccontextmanager
    async def read(self, request: Request, *, coding: str = "") -> AsyncIterator[bytes]:
        """The whole body, decompressed; it counts as buffered until the block ends.

        Args:
            request: Whose body.
            coding: What to undo; empty for what its Content-Encoding says.

        Raises:
            Problem: 400 corrupt, 408 too slow, 413 too large, 415 unknown coding, 429 too much
                is buffered for others.
            SenderGone: The sender closed in the middle of it.
        """
        coding = coding or request.header(b"content-encoding").lower() or "identity"
        if coding not in CODINGS:
            raise Problem(
                415,
                "Content encoding not supported",
                f"{coding[:100]} here; gzip, deflate or none would be right",
                headers=((b"accept-encoding", b"gzip, deflate"),),
            )
        self._check_announced(request)
        account = _Account()
        try:
            yield await self._collected(request, coding, account)
        finally:
            self._buffered_bytes -= account.bytes

    async def _collected(self, request: Request, coding: str, account: "_Account") -> bytes:
        """The body; what it takes is in the account, whatever happens."""
        decompressor = Decompressor(coding, max_bytes=self._max_body_bytes)
        pieces: list[bytes] = []
        received = 0
        try:
            async with asyncio.timeout(self._seconds):
                async for chunk in request.chunks():
                    received += len(chunk)
                    if received > self._max_body_bytes:
                        raise self._too_large()
                    piece = decompressor.feed(chunk)
                    account.bytes += len(piece)
                    self._buffered_bytes += len(piece)
                    if self._buffered_bytes > self._max_buffered_bytes:
                        raise too_busy("too many requests are being read")
                    pieces.append(piece)
            if received:
                decompressor.finish()
        except TimeoutError as error:
            raise Problem(
                408, "Request too slow", f"the body took more than {self._seconds:g} s"
            ) from error
        except BodyTooLarge as error:
            raise self._too_large() from error
        except BodyCorrupt as error:
            raise Problem(400, "Body corrupt", str(error)) from error
        return b"".join(pieces)

    def _check_announced(self, request: Request) -> None:
        announced = request.header(b"content-length")
        if announced.isdecimal() and int(announced[:20]) > self._max_body_bytes:
            raise self._too_large()

    def _too_large(self) -> Problem:
        return Problem(
            413, "Body too large", f"at most {self._max_body_bytes} bytes, also decompressed"
        )


class _Account:
    """What one request has buffered."""

    __slots__ = ("bytes",)

    def __init__(self) -> None:
        self.bytes = 0


def too_busy(detail: str) -> Problem:
    """429: come back in a second (RFC 6585, §4)."""
    return Problem(429, "Too many requests", detail, headers=((b"retry-after", b"1"),))
