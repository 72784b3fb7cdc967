"""gzip, snappy, lz4 and zstd behind one compress/decompress pair with a size limit.

The broker itself never compresses what passes through it; this serves what must look inside a
batch (tests, time look-ups, compaction) and runs off the event loop when batches are large.

Codec numbers: the lowest three bits of a batch's attributes (record batch format, Kafka protocol).
"""

from collections.abc import Callable, Mapping
from enum import IntEnum

import cramjam

from broker_core.errors import CorruptMessage, MessageTooLarge, UnsupportedCompressionType

# What the Java snappy library writes around its blocks: magic, version, compatible version.
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16


class Codec(IntEnum):
    """How the records of a batch are compressed."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


def compress(codec: Codec, data: bytes) -> bytes:
    """Return ``data`` as the records section of a batch with this codec."""
    if codec is Codec.NONE:
        return data
    return bytes(_COMPRESS[codec](data))


def decompress(codec: int, data: bytes, *, max_bytes: int) -> bytes:
    """Undo :func:`compress`, or what a Kafka client did in its stead.

    Raises:
        UnsupportedCompressionType: No such codec.
        MessageTooLarge: The result would be larger than ``max_bytes``.
        CorruptMessage: The bytes are not what the codec writes.
    """
    try:
        known = Codec(codec)
    except ValueError:
        raise UnsupportedCompressionType(f"compression type {codec}") from None
    if known is Codec.NONE:
        return data
    if known is Codec.SNAPPY:
        return _decompress_snappy(data, max_bytes)
    return _decompress_bounded(known, data, max_bytes)


_NO_ROOM = "failed to write whole buffer"  # what every cramjam codec says of a full output


def _decompress_bounded(codec: Codec, data: bytes, max_bytes: int) -> bytes:
    """Decompress into a buffer that grows up to the limit."""
    room = min(max_bytes, max(4096, len(data) * 8))
    while True:
        output = bytearray(room)
        try:
            written = _DECOMPRESS_INTO[codec](data, output)
        except cramjam.DecompressionError as error:
            if _NO_ROOM not in str(error):
                raise CorruptMessage(f"records are not {codec.name}: {error}") from error
            if room >= max_bytes:
                raise MessageTooLarge(f"records are larger than {max_bytes} bytes") from error
            room = min(max_bytes, room * 4)
            continue
        return bytes(memoryview(output)[:written])


def _decompress_snappy(data: bytes, max_bytes: int) -> bytes:
    """One raw block (librdkafka), or blocks in the Java library's frame."""
    if not data.startswith(_XERIAL_MAGIC):
        return _decompress_snappy_block(data, max_bytes)
    blocks = []
    position = _XERIAL_HEADER_BYTES
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        position += 4
        block = data[position : position + size]
        if len(block) != size:
            raise CorruptMessage(f"a snappy block of {size} bytes is cut off")
        blocks.append(_decompress_snappy_block(block, max_bytes))
        max_bytes -= len(blocks[-1])
        position += size
    return b"".join(blocks)


def _decompress_snappy_block(block: bytes, max_bytes: int) -> bytes:
    try:
        announced = cramjam.snappy.decompress_raw_len(block)
        if announced > max_bytes:
            raise MessageTooLarge(f"{announced} bytes announced, {max_bytes} accepted")
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise CorruptMessage(f"records are not SNAPPY: {error}") from error


_COMPRESS: Mapping[Codec, Callable[[bytes], cramjam.Buffer]] = {
    Codec.GZIP: cramjam.gzip.compress,
    Codec.SNAPPY: cramjam.snappy.compress_raw,
    Codec.LZ4: cramjam.lz4.compress,
    Codec.ZSTD: cramjam.zstd.compress,
}
_DECOMPRESS_INTO: Mapping[Codec, Callable[[bytes, bytearray], int]] = {
    Codec.GZIP: cramjam.gzip.decompress_into,
    Codec.LZ4: cramjam.lz4.decompress_into,
    Codec.ZSTD: cramjam.zstd.decompress_into,
}
