"""Codecs: round trips, foreign framing, garbage."""

import random

import cramjam
import pytest

from broker_core.errors import CorruptMessage, MessageTooLarge, UnsupportedCompressionType
from broker_core.protocol.compression import Codec, compress, decompress


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("size", [0, 1, 10_000, 1_000_000])
def test_what_was_compressed_comes_back(codec: Codec, size: int) -> None:
    data = (b"tocsin" * size)[:size]
    assert decompress(codec, compress(codec, data), max_bytes=size + 1) == data


def test_the_java_librarys_snappy_frame_is_read() -> None:
    blocks = [bytes(cramjam.snappy.compress_raw(part)) for part in (b"abc" * 50, b"def")]
    framed = b"\x82SNAPPY\x00" + b"\x00\x00\x00\x01" * 2
    framed += b"".join(len(block).to_bytes(4, "big") + block for block in blocks)

    assert decompress(Codec.SNAPPY, framed, max_bytes=1000) == b"abc" * 50 + b"def"
    with pytest.raises(CorruptMessage):
        decompress(Codec.SNAPPY, framed[:-1], max_bytes=1000)
    with pytest.raises(MessageTooLarge):
        decompress(Codec.SNAPPY, framed, max_bytes=151)


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD])
def test_garbage_is_a_corrupt_message(codec: Codec) -> None:
    with pytest.raises(CorruptMessage):
        decompress(codec, b"\x7f" + b"garbage" * 9, max_bytes=1000)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000])
def test_lz4_blocks_stand_alone_as_kafkas_client_demands(size: int) -> None:
    half = size // 2
    data = random.Random(7).randbytes(half) + b"tocsin" * half

    written = compress(Codec.LZ4, data)

    assert written[4] & 0x20  # "block independence" of the frame's descriptor
    assert written[5] == 0x40  # blocks of 64 KB
    assert bytes(cramjam.lz4.decompress(written)) == data
    assert decompress(Codec.LZ4, written, max_bytes=len(data) + 1) == data


def test_an_unknown_codec_is_named() -> None:
    with pytest.raises(UnsupportedCompressionType, match="7"):
        decompress(7, b"", max_bytes=1)
