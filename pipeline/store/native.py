r"""Columns to a block in ClickHouse's Native format. Pure.

Native is what costs least from an Event to a stored row (docs/decisions/0003). A block is the
number of columns and of rows, then per column its name, its type and its values one after the
other. Numbers are little-endian; a string is its length as an unsigned varint and its bytes; an
array column is the end of each row's array (UInt64), then all elements; a map is an array of
keys and one of values with the same ends. LowCardinality columns are sent as plain ones and
converted by the store.

>>> block([Column("a", "String", strings(["x", "yz"]))], 2)
b'\x01\x02\x01a\x06String\x01x\x02yz'
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate, chain
from typing import NamedTuple, TypeVar
from uuid import UUID

from pipeline.schema.event import uuid8

T = TypeVar("T")


class Column(NamedTuple):
    """One column of a block.

    Attributes:
        name: As the table has it.
        type: ClickHouse type of ``data``.
        data: The values of every row.
    """

    name: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows ready to be inserted.

    Attributes:
        columns: Their names, in the order of ``body``.
        body: One block in Native format.
        count: How many rows.
    """

    columns: tuple[str, ...]
    body: bytes = field(repr=False)
    count: int

    @classmethod
    def of(cls, columns: Sequence[Column], count: int) -> "Rows":
        """The rows of these columns."""
        return cls(tuple(column.name for column in columns), block(columns, count), count)


def varint(value: int) -> bytes:
    """An unsigned LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_PREFIXES = [varint(length) for length in range(1 << 14)]
_SAMPLE = 64
_prefix = _PREFIXES.__getitem__
_latin_prefix = [prefix.decode("latin-1") for prefix in _PREFIXES].__getitem__
_BOUNDS = {
    "H": (0, 2**16 - 1),
    "I": (0, 2**32 - 1),
    "Q": (0, 2**64 - 1),
    "i": (-(2**31), 2**31 - 1),
    "q": (-(2**63), 2**63 - 1),
}


def block(columns: Sequence[Column], count: int) -> bytes:
    """The block of these columns, each with ``count`` rows."""
    parts = [varint(len(columns)), varint(count)]
    for column in columns:
        parts += (text(column.name), text(column.type), column.data)
    return b"".join(parts)


def text(value: str) -> bytes:
    """One string with its length before it."""
    data = value.encode("utf-8", "replace")
    return varint(len(data)) + data


def strings(values: Sequence[str]) -> bytes:
    """A String column."""
    sample = values[:_SAMPLE]
    if len(set(sample)) * 4 <= len(sample):  # few different ones, as it seems
        different = set(values)
        if len(different) * 4 <= len(values):
            return b"".join(map({value: text(value) for value in different}.__getitem__, values))
    if "".join(values).isascii():
        # One encoding for all: a prefix is as good a text as any in Latin-1.
        with suppress(IndexError):  # one is longer than the table of prefixes
            return "".join(_interleaved(_latin_prefixes(values), values)).encode("latin-1")
    try:
        return blobs(list(map(str.encode, values)))
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell and UTF-8 cannot
        return b"".join(map(text, values))


def _latin_prefixes(values: Sequence[str]) -> Sequence[str]:
    """The prefix of each ASCII text, as text."""
    with suppress(ValueError):
        lengths = bytes(map(len, values))
        if lengths.isascii():  # each is its own varint
            return lengths.decode("ascii")
    return list(map(_latin_prefix, map(len, values)))


def _interleaved(prefixes: Sequence[T], values: Sequence[T]) -> list[T]:
    mixed = [*values, *values]
    mixed[::2] = prefixes
    mixed[1::2] = values
    return mixed


def blobs(values: Sequence[bytes]) -> bytes:
    """A String column of bytes as they are."""
    try:
        return b"".join(_interleaved(list(map(_prefix, map(len, values))), values))
    except IndexError:  # one is longer than the table of prefixes
        return b"".join(chain.from_iterable((varint(len(value)), value) for value in values))


def same(value: str, count: int) -> bytes:
    """A String column with one value in every row."""
    return text(value) * count


def integers(code: str, values: Iterable[int]) -> bytes:
    """A column of integers or floats; ``code`` is the array module's, for its width.

    An integer that does not fit becomes the nearest that does.
    """
    given = list(values)
    try:
        numbers = array(code, given)
    except OverflowError:  # a number that others made up costs its own row only
        low, high = _BOUNDS[code]
        numbers = array(code, [min(max(number, low), high) for number in given])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def ends(lengths: Iterable[int]) -> bytes:
    """Where each row's array ends, from how many elements each has."""
    return integers("Q", accumulate(lengths))


def uuids(values: Sequence[str]) -> bytes:
    """A UUID column; what is not a UUID becomes a version 8 one derived from its text.

    >>> uuids(["00112233-4455-6677-8899-aabbccddeeff"]).hex()
    '7766554433221100ffeeddccbbaa9988'
    """
    joined = "".join(values)
    count = len(values)
    if (
        set(map(len, values)) <= {36}
        and joined.count("-") == 4 * count
        and all(joined[at::36].count("-") == count for at in (8, 13, 18, 23))
    ):
        try:
            packed = bytes.fromhex(joined.replace("-", ""))
        except ValueError:
            packed = b""
        if len(packed) == 16 * count:
            return _swapped(packed)
    return _swapped(b"".join(map(_uuid_bytes, values)))


def _swapped(packed: bytes) -> bytes:
    """UUIDs as ClickHouse has them: two 64-bit halves, each little-endian."""
    halves = array("Q", packed)
    halves.byteswap()
    return halves.tobytes()


def _uuid_bytes(value: str) -> bytes:
    try:
        return UUID(value).bytes
    except ValueError:
        return uuid8(sha256(value.encode("utf-8", "surrogatepass")).digest()).bytes
