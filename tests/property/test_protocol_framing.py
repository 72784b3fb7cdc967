"""Any split of a stream of frames yields the same frames."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from broker_core.protocol.framing import FrameDecoder


@given(frames=st.lists(st.binary(max_size=64)), cuts=st.lists(st.integers(0, 2000)))
def test_any_split_of_the_stream_yields_the_same_frames(
    frames: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    decoder = FrameDecoder(max_frame_bytes=64)

    decoded = [frame for begin, end in pairwise(edges) for frame in decoder.feed(stream[begin:end])]

    assert decoded == frames
    assert decoder.pending_bytes == 0
