"""Content codings of request bodies, bounded: no more comes out than is allowed. Pure."""

import zlib

from pipeline.errors import MessageRejected

CODINGS = ("identity", "gzip", "x-gzip", "deflate")
_WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class BodyTooLarge(MessageRejected):
    """More would come out than is allowed."""


class BodyCorrupt(MessageRejected):
    """The body is not what its Content-Encoding says."""


class Decompressor:
    """Undo one content coding (RFC 9110, §8.4.1), piece by piece.

    >>> decompressor = Decompressor("gzip", max_bytes=100)
    >>> import gzip
    >>> decompressor.feed(gzip.compress(b"hello"))
    b'hello'
    >>> decompressor.finish()

    Args:
        coding: One of ``CODINGS``. ``deflate`` is the zlib format; senders that leave its header
            away (raw deflate) are understood.
        max_bytes: What may come out in all.
    """

    def __init__(self, coding: str, *, max_bytes: int) -> None:
        self._coding = coding
        self._left = max_bytes
        self._limit = max_bytes
        self._is_plain = coding == "identity"
        self._begun = False
        self._stream = None if self._is_plain else zlib.decompressobj(_WINDOW_BITS[coding])

    def feed(self, received: bytes) -> bytes:
        """What the next piece says.

        Raises:
            BodyTooLarge: More would come out than is allowed.
            BodyCorrupt: The piece is not of this coding.
        """
        if self._stream is None:
            return self._counted(received)
        try:
            return self._inflated(received)
        except zlib.error as error:
            raise BodyCorrupt(f"not {self._coding}: {error}") from error

    def finish(self) -> None:
        """End the body.

        Raises:
            BodyCorrupt: It ends too early.
        """
        if self._stream is not None and not self._stream.eof:
            raise BodyCorrupt(f"the {self._coding} body ends too early")

    def _inflated(self, received: bytes) -> bytes:
        found = []
        while received:
            assert self._stream is not None, "compressed"
            if self._stream.eof:  # members one after another (RFC 1952, §2.2)
                self._stream = zlib.decompressobj(_WINDOW_BITS[self._coding])
            found.append(self._counted(self._inflate(received)))
            received = self._stream.unused_data
        return b"".join(found)

    def _inflate(self, received: bytes) -> bytes:
        assert self._stream is not None, "compressed"
        try:
            out = self._stream.decompress(received, self._left + 1)
        except zlib.error:
            if self._begun or self._coding != "deflate":
                raise
            self._stream = zlib.decompressobj(-15)
            out = self._stream.decompress(received, self._left + 1)
        self._begun = True
        return out

    def _counted(self, found: bytes) -> bytes:
        if len(found) > self._left:
            raise BodyTooLarge(f"more than {self._limit} bytes")
        self._left -= len(found)
        return found
