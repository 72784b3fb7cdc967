r"""The 4-byte length prefix: feed bytes, get whole frames.

>>> decoder = FrameDecoder(max_frame_bytes=1024)
>>> decoder.feed(b"\x00\x00\x00\x02h")
[]
>>> decoder.feed(b"i")
[b'hi']
"""

from broker_core.errors import FrameTooLarge

_PREFIX_BYTES = 4


class FrameDecoder:
    """Cut a byte stream into frames: a big-endian int32 size, then that many bytes.

    Large frames are gathered in pieces and joined once, so the work grows with the bytes
    received, not with how they were split. Nothing is reserved for what is only announced.
    """

    def __init__(self, *, max_frame_bytes: int) -> None:
        self.max_frame_bytes = max_frame_bytes
        self._pieces: list[bytes] = []
        self._held = 0
        self._needed = _PREFIX_BYTES

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not complete."""
        return self._held

    def feed(self, received: bytes) -> list[bytes]:
        """Take what a socket gave; return the frames it completes, in order.

        Raises:
            FrameTooLarge: The stream cannot be read any further; close it.
        """
        if self._held:
            self._pieces.append(received)
            self._held += len(received)
            if self._held < self._needed:
                return []
            received = b"".join(self._pieces)
            self._pieces = []
            self._held = 0
        return self._cut(received)

    def _cut(self, data: bytes) -> list[bytes]:
        frames = []
        start = 0
        self._needed = _PREFIX_BYTES
        while len(data) - start >= _PREFIX_BYTES:
            size = int.from_bytes(data[start : start + _PREFIX_BYTES], "big", signed=True)
            if not 0 <= size <= self.max_frame_bytes:
                raise FrameTooLarge(f"{size} bytes announced, {self.max_frame_bytes} accepted")
            end = start + _PREFIX_BYTES + size
            if end > len(data):
                self._needed = _PREFIX_BYTES + size
                break
            frames.append(data[start + _PREFIX_BYTES : end])
            start = end
        if start < len(data):
            rest = data[start:]
            self._pieces = [rest]
            self._held = len(rest)
        return frames
