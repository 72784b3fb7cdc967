"""The types a message field can have, and the variable-length integers between them.

``Int32`` and its siblings are what declarations are written in; ``Kind`` is how the compiler
(``broker_core.protocol.message``) tells them apart. Variable-length integers: KIP-482.

Types: Kafka protocol guide, "Protocol Primitive Types".
"""

from enum import Enum
from typing import Annotated

from broker_core.errors import CorruptMessage

UINT32_MAX = 2**32 - 1
NO_UUID = bytes(16)


class Kind(Enum):
    """A primitive type; the value is its format in :mod:`struct`, empty if its length varies."""

    BOOLEAN = "?"
    INT8 = "b"
    INT16 = "h"
    UINT16 = "H"
    INT32 = "i"
    UINT32 = "I"
    INT64 = "q"
    FLOAT64 = "d"
    UUID = "16s"
    STRING = ""
    BYTES = " "
    RECORDS = "  "

    @property
    def is_fixed(self) -> bool:
        """Whether every value takes the same number of bytes."""
        return bool(self.value.strip())

    @property
    def packs_together(self) -> bool:
        """Whether an array of them is one call of :mod:`struct`, given their number."""
        return self.is_fixed and self is not Kind.UUID


Boolean = Annotated[bool, Kind.BOOLEAN]
Int8 = Annotated[int, Kind.INT8]
Int16 = Annotated[int, Kind.INT16]
UInt16 = Annotated[int, Kind.UINT16]
Int32 = Annotated[int, Kind.INT32]
UInt32 = Annotated[int, Kind.UINT32]
Int64 = Annotated[int, Kind.INT64]
Float64 = Annotated[float, Kind.FLOAT64]
Uuid = Annotated[bytes, Kind.UUID]
String = Annotated[str, Kind.STRING]
Bytes = Annotated[bytes, Kind.BYTES]
Records = Annotated[bytes | memoryview, Kind.RECORDS]


def read_unsigned_varint(data: bytes, start: int) -> tuple[int, int]:
    """Read an UNSIGNED_VARINT: groups of 7 bits, lowest first, a set high bit means one more.

    Returns:
        The value (0 to 2**32 - 1) and the position of the byte after it.

    Raises:
        CorruptMessage: The varint is cut off, or does not fit in 32 bits.
    """
    value = 0
    for index, byte in enumerate(data[start : start + 5]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80 and value <= UINT32_MAX:
            return value, start + index + 1
    raise CorruptMessage(f"no unsigned varint at byte {start}")


def unsigned_varint(value: int) -> bytes:
    """Encode 0 to 2**32 - 1 as an UNSIGNED_VARINT."""
    if value < 0x80:
        return _ONE_BYTE[value]
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_ONE_BYTE = [bytes((value,)) for value in range(0x80)]


def read_varlong(data: bytes, start: int) -> tuple[int, int]:
    """Read a zigzag varint of at most 64 bits, as records use them.

    Raises:
        CorruptMessage: The varint is cut off, or does not fit in 64 bits.
    """
    if start + 1 < len(data):  # most are this short
        byte = data[start]
        if byte < 0x80:
            return (byte >> 1) ^ -(byte & 1), start + 1
        second = data[start + 1]
        if second < 0x80:
            value = byte & 0x7F | second << 7
            return (value >> 1) ^ -(value & 1), start + 2
    value = 0
    for index, byte in enumerate(data[start : start + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80 and value < 2**64:
            return (value >> 1) ^ -(value & 1), start + index + 1
    raise CorruptMessage(f"no varint at byte {start}")


def varlong(value: int) -> bytes:
    """Encode a signed 64-bit number as a zigzag varint."""
    zigzag = (value << 1) ^ (value >> 63)
    encoded = bytearray()
    while zigzag > 0x7F:
        encoded.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    encoded.append(zigzag)
    return bytes(encoded)
