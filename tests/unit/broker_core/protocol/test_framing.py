"""Frames out of a stream, however it is split; see tests/property/test_protocol_framing.py."""

import pytest

from broker_core.errors import FrameTooLarge
from broker_core.protocol.framing import FrameDecoder


def test_a_large_frame_is_put_together_from_many_pieces() -> None:
    decoder = FrameDecoder(max_frame_bytes=1 << 20)
    frame = bytes(range(256)) * 4096
    stream = len(frame).to_bytes(4, "big") + frame + b"\0\0\0\1x"

    decoded = [
        found
        for start in range(0, len(stream), 1000)
        for found in decoder.feed(stream[start : start + 1000])
    ]

    assert decoded == [frame, b"x"]
    assert decoder.pending_bytes == 0


def test_nothing_is_reserved_for_what_is_only_announced() -> None:
    decoder = FrameDecoder(max_frame_bytes=1 << 30)

    assert decoder.feed((1 << 30).to_bytes(4, "big") + b"abc") == []
    assert decoder.pending_bytes == 7


@pytest.mark.parametrize("size", [-1, 65, 2**31 - 1])
def test_refuses_a_frame_it_would_have_to_buffer_for_ever(size: int) -> None:
    decoder = FrameDecoder(max_frame_bytes=64)
    with pytest.raises(FrameTooLarge, match=str(size)):
        decoder.feed(size.to_bytes(4, "big", signed=True))
