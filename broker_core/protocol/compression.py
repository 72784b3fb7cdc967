"""gzip, snappy, lz4 and zstd behind one compress/decompress pair with a size limit.

The broker leaves what passes through it as it is, unless a topic asks for a codec of its own. This
serves that, and what must look inside a batch (time look-ups, compaction, tests), off the loop.

What is written here must be readable by every client: Java's takes LZ4 frames only of blocks that
do not depend on each other, and Snappy with its library's frame or as one raw block.

Codec numbers: the lowest three bits of a batch's attributes (record batch format, Kafka protocol).
"""

from collections.abc import Callable, Mapping
from enum import IntEnum

import cramjam

from broker_core.errors import CorruptMessage, MessageTooLarge, UnsupportedCompressionType

# What the Java snappy library writes around its blocks: magic, version, compatible version.
_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
# Magic; version 1, independent blocks, no checksums; blocks of up to 64 KB; checksum of these two.
_LZ4_HEADER = b"\x04\x22\x4d\x18\x60\x40\x82"
_LZ4_BLOCK_BYTES = 64 << 10
_LZ4_STORED = 1 << 31  # in a block's size: it did not get smaller and stands as it is
_LZ4_END = bytes(4)


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


def _compress_lz4(data: bytes) -> bytes:
    """An LZ4 frame as Kafka's own client writes it (LZ4 frame format 1.6)."""
    parts = [_LZ4_HEADER]
    for start in range(0, len(data), _LZ4_BLOCK_BYTES):
        plain = data[start : start + _LZ4_BLOCK_BYTES]
        packed = bytes(cramjam.lz4.compress_block(plain, store_size=False))
        if len(packed) < len(plain):
            parts += (len(packed).to_bytes(4, "little"), packed)
        else:
            parts += ((len(plain) | _LZ4_STORED).to_bytes(4, "little"), plain)
    parts.append(_LZ4_END)
    return b"".join(parts)


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


_COMPRESS: Mapping[Codec, Callable[[bytes], bytes | cramjam.Buffer]] = {
    Codec.GZIP: cramjam.gzip.compress,
    Codec.SNAPPY: cramjam.snappy.compress_raw,
    Codec.LZ4: _compress_lz4,
    Codec.ZSTD: cramjam.zstd.compress,
}
_DECOMPRESS_INTO: Mapping[Codec, Callable[[bytes, bytearray], int]] = {
    Codec.GZIP: cramjam.gzip.decompress_into,
    Codec.LZ4: cramjam.lz4.decompress_into,
    Codec.ZSTD: cramjam.zstd.decompress_into,
}
