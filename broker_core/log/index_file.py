"""The frame around both index files: a header, then columns of fixed-width numbers.

An index that is absent, damaged or speaks of another size of its log is not an error: it is
rebuilt from the log. Pure.

Format: FORMAT.md, "Index files".
"""

from __future__ import annotations  # array is not subscriptable before Python 3.12

import struct
import sys
from array import array
from collections.abc import Sequence

import google_crc32c

_HEADER = struct.Struct(">4sHHIII")
_VERSION = 1


def encode(magic: bytes, columns: Sequence[array[int]], *, log_bytes: int) -> bytes:
    """Return an index file; every column has one number per entry, in memory order."""
    body = b"".join(_big_endian(column) for column in columns)
    checksum = google_crc32c.value(body)
    header = _HEADER.pack(magic, _VERSION, len(columns), len(columns[0]), log_bytes, checksum)
    return header + body


def decode(
    data: bytes, magic: bytes, typecodes: Sequence[str], *, log_bytes: int
) -> list[array[int]] | None:
    """Return the columns, or None if this is not the index of a log of ``log_bytes``.

    Args:
        typecodes: One letter of :mod:`array` per column: ``I`` for uint32, ``q`` for int64.
    """
    if len(data) < _HEADER.size:
        return None
    found, version, width, count, indexed_bytes, checksum = _HEADER.unpack_from(data)
    if (found, version, width, indexed_bytes) != (magic, _VERSION, len(typecodes), log_bytes):
        return None
    body = data[_HEADER.size :]
    columns: list[array[int]] = [array(typecode) for typecode in typecodes]
    if len(body) != count * sum(column.itemsize for column in columns):
        return None
    if google_crc32c.value(body) != checksum:
        return None
    start = 0
    for column in columns:
        column.frombytes(body[start : start + count * column.itemsize])
        start += count * column.itemsize
        if sys.byteorder == "little":
            column.byteswap()
    return columns


def _big_endian(column: array[int]) -> bytes:
    if sys.byteorder == "big":
        return column.tobytes()
    swapped = array(column.typecode, column)
    swapped.byteswap()
    return swapped.tobytes()
