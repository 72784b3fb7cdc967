"""The snappy block format, bounded by the length that it announces. Pure.

Format: google/snappy, format_description.txt, §1: a varint of the uncompressed length, at most
2**32 - 1, before the data.
"""

import cramjam

from pipeline.collectors.http.compression import BodyCorrupt, BodyTooLarge


def decompress(block: bytes, *, max_bytes: int) -> bytes:
    """What a snappy block holds.

    Raises:
        BodyTooLarge: It announces more than is allowed.
        BodyCorrupt: It is no snappy block, or its data is not as long as announced.
    """
    try:
        size = cramjam.snappy.decompress_raw_len(block)
        if size > max_bytes:
            raise BodyTooLarge(f"{size} bytes announced, {max_bytes} accepted")
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise BodyCorrupt(f"not snappy: {error}") from error
