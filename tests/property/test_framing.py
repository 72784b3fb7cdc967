"""Syslog framing under every split of the stream, against the records that were framed."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collectors.syslog.framing import HEAD_BYTES, Rejected, SyslogFrameDecoder

LIMIT = 64
TRAILERS = st.sampled_from([b"\n", b"\r\n", b"\0"])
LINE_TEXT = st.binary(min_size=1, max_size=LIMIT).filter(
    lambda text: not set(text) & set(b"\n\r\0") and text[0] not in b"0123456789"
)
COUNTED_TEXT = st.binary(max_size=LIMIT - 1).map(lambda text: b"<" + text)
Record = tuple[bytes, bytes]  # as framed, as meant


def line(text: bytes, trailer: bytes) -> Record:
    return text + trailer, text


def counted(text: bytes) -> Record:
    return b"%d %s" % (len(text), text), text


RECORDS = st.lists(st.builds(line, LINE_TEXT, TRAILERS) | st.builds(counted, COUNTED_TEXT))
CUTS = st.lists(st.integers(0, 2_000))


def fed(stream: bytes, cuts: list[int]) -> tuple[list[bytes], list[Rejected]]:
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    decoder = SyslogFrameDecoder(max_message_bytes=LIMIT)
    messages = [m for begin, end in pairwise(edges) for m in decoder.feed(stream[begin:end])]
    return messages + decoder.finish(by_sender=True), decoder.rejected


@given(records=RECORDS, cuts=CUTS)
def test_any_split_of_a_mixed_stream_yields_what_was_framed(
    records: list[Record], cuts: list[int]
) -> None:
    stream = b"".join(framed for framed, _ in records)

    messages, rejected = fed(stream, cuts)

    assert messages == [meant for _, meant in records]
    assert rejected == []


@given(stream=st.binary(max_size=400), cuts=CUTS)
def test_any_split_of_garbage_yields_the_same(stream: bytes, cuts: list[int]) -> None:
    assert fed(stream, cuts) == fed(stream, [])


@given(
    stream=st.lists(
        st.sampled_from([b"1", b"0", b"9", b" ", b"<", b"\n", b"\r", b"\0", b"x" * 30, b"70 <"]),
        max_size=60,
    ).map(b"".join),
    cuts=CUTS,
)
def test_any_split_of_nearly_right_frames_yields_the_same(stream: bytes, cuts: list[int]) -> None:
    assert fed(stream, cuts) == fed(stream, [])
    assert fed(stream, list(range(len(stream)))) == fed(stream, [])


@given(before=RECORDS, after=RECORDS, size=st.integers(LIMIT + 1, 5_000), cuts=CUTS)
@pytest.mark.parametrize("framing", ["counted", "line"])
def test_a_message_over_the_limit_costs_only_itself(
    framing: str, before: list[Record], after: list[Record], size: int, cuts: list[int]
) -> None:
    text = b"<" + b"x" * (size - 1)
    too_long = counted(text)[0] if framing == "counted" else text + b"\n"
    stream = b"".join([*(f for f, _ in before), too_long, *(f for f, _ in after)])

    messages, rejected = fed(stream, cuts)

    assert messages == [meant for _, meant in before + after]
    assert [(one.reason, text.startswith(one.head)) for one in rejected] == [("too_long", True)]
    assert len(rejected[0].head) == min(size, HEAD_BYTES if framing == "counted" else LIMIT)
