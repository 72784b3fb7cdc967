"""Strings in the records of our internal topics: an INT16 length, then UTF-8. Pure."""

import struct

from broker_core.errors import CorruptMessage


def write_string(text: str) -> bytes:
    """Return the bytes of a string of at most 32,767 bytes in UTF-8."""
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def read_string(data: bytes, position: int) -> tuple[str, int]:
    """Return the string at a position, and the position after it.

    Raises:
        CorruptMessage: It goes beyond the data.
        struct.error: Its length does.
        UnicodeDecodeError: It is not UTF-8.
    """
    (size,) = struct.unpack_from(">h", data, position)
    end = position + 2 + size
    if size < 0 or end > len(data):
        raise CorruptMessage(f"a string of {size} bytes is cut off")
    return data[position + 2 : end].decode(), end
