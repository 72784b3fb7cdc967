"""A request's body: read as it comes, unpacked, never more than allowed.

Content-Encoding gzip, deflate, lz4 (frame format) and zstd are unpacked with a limit on what
comes out, so that a small body cannot become a huge one. For the event loop.
"""

import asyncio
import importlib
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from pipeline.store.embedded.errors import (
    CANNOT_DECOMPRESS,
    NOT_IMPLEMENTED,
    SOCKET_TIMEOUT,
    TOO_LARGE,
    BodyRefused,
    ClientGone,
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_PART_BYTES = 4 << 20


class _Unpacker(Protocol):
    """One packed stream.

    Attributes:
        errors: What ``unpack`` raises for bytes that are not what they should be.
    """

    errors: tuple[type[Exception], ...]

    def unpack(self, packed: bytes) -> bytes:
        """Take more of it; give at most ``_PART_BYTES``."""
        ...

    @property
    def has_more(self) -> bool:
        """Whether ``unpack(b"")`` gives more."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the stream came to its end."""
        ...


class Body:
    """The body of one request.

    Args:
        receive: The ASGI channel.
        encoding: Content-Encoding, empty for none.
        max_bytes: Of the whole body, unpacked.
        idle_seconds: Longest wait for a next part.
    """

    def __init__(
        self, receive: Receive, *, encoding: str, max_bytes: int, idle_seconds: float
    ) -> None:
        self._receive = receive
        self._unpacker = _unpacker(encoding)
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self._packed = b""
        self._began = False
        self._ended = False
        self._bytes = 0

    async def part(self) -> bytes:
        """The next part, unpacked, at most 4 MiB of it; empty after the last.

        Raises:
            BodyRefused: Too large, too slow or not what its Content-Encoding says.
            ClientGone: The connection ended before the body did.
        """
        while True:
            more = self._packed or (self._unpacker is not None and self._unpacker.has_more)
            part = self._unpack() if more else b""
            if part:
                self._bytes += len(part)
                if self._bytes > self._max_bytes:
                    raise BodyRefused(TOO_LARGE, f"bodies end at {self._max_bytes} bytes.")
                return part
            if self._ended:
                self._check_complete()
                return b""
            await self._more()

    async def head(self, limit: int) -> tuple[bytes, bool]:
        """At least ``limit`` bytes from the start, or all of it; and whether that was all."""
        head = bytearray()
        while len(head) < limit:
            part = await self.part()
            if not part:
                return bytes(head), True
            head += part
        return bytes(head), False

    async def _more(self) -> None:
        try:
            message = await asyncio.wait_for(self._receive(), self._idle_seconds)
        except TimeoutError:
            raise BodyRefused(
                SOCKET_TIMEOUT, f"no part of the body came for {self._idle_seconds:g} s."
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._packed += message.get("body", b"")
        self._began = self._began or bool(self._packed)
        self._ended = not message.get("more_body", False)

    def _unpack(self) -> bytes:
        packed, self._packed = self._packed, b""
        if self._unpacker is None:
            return packed
        try:
            return self._unpacker.unpack(packed)
        except self._unpacker.errors as error:
            raise BodyRefused(CANNOT_DECOMPRESS, f"the body does not unpack: {error}") from None

    def _check_complete(self) -> None:
        if self._unpacker is not None and self._began and not self._unpacker.ended:
            raise BodyRefused(CANNOT_DECOMPRESS, "the packed body is cut off.")


class _Zlib:
    """gzip and deflate, told apart by their headers."""

    errors: tuple[type[Exception], ...] = (zlib.error,)

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    def unpack(self, packed: bytes) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + packed, _PART_BYTES)

    @property
    def has_more(self) -> bool:
        return bool(self._stream.unconsumed_tail)

    @property
    def ended(self) -> bool:
        return self._stream.eof


class _Frames:
    """lz4 and zstd: frames after each other; both libraries follow the bz2 module's interface."""

    def __init__(
        self, decompressor: Callable[[], Any], errors: tuple[type[Exception], ...]
    ) -> None:
        self.errors = (*errors, EOFError, ValueError)
        self._decompressor = decompressor
        self._frame = decompressor()

    def unpack(self, packed: bytes) -> bytes:
        if self._frame.eof:
            packed = (self._frame.unused_data or b"") + packed
            self._frame = self._decompressor()
        part: bytes = self._frame.decompress(packed, _PART_BYTES)
        return part

    @property
    def has_more(self) -> bool:
        if self._frame.eof:
            return bool(self._frame.unused_data)
        return not self._frame.needs_input

    @property
    def ended(self) -> bool:
        return bool(self._frame.eof)


def _unpacker(encoding: str) -> _Unpacker | None:
    """The unpacker for a Content-Encoding, None if there is nothing to unpack.

    zstd comes with Python from 3.14, before it from ``backports.zstd``.

    Raises:
        BodyRefused: We have none for it.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "deflate":
            return _Zlib()
        case "lz4":
            lz4 = importlib.import_module("lz4.frame")
            return _Frames(lz4.LZ4FrameDecompressor, (RuntimeError,))
        case "zstd":
            zstd = _zstd()
            return _Frames(zstd.ZstdDecompressor, (zstd.ZstdError,))
        case other:
            raise BodyRefused(NOT_IMPLEMENTED, f"Content-Encoding {other[:32]!r} is not read.")


def _zstd() -> Any:
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        return importlib.import_module("backports.zstd")
