"""The aborted transactions of one segment (``.txnindex``): what read_committed readers skip.

A transaction stands in the index of the segment that holds its abort marker. Most segments have
none, and no file. Pure: bytes in, bytes out.

Format: FORMAT.md, "Transaction index".
"""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from broker_core.log import index_file

_MAGIC = b"TXIX"
_COLUMNS = ("q", "q", "q", "q")


class AbortedTransaction(NamedTuple):
    """One aborted transaction of one partition.

    Attributes:
        first_offset: Of its first record.
        last_offset: Of its marker.
        last_stable_offset: First offset that was undecided once it was aborted.
    """

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class TransactionIndex:
    """Aborted transactions in the order of their markers.

    >>> index = TransactionIndex()
    >>> index.append(AbortedTransaction(7, 10, 19, 20))
    >>> [one.first_offset for one in index]
    [10]
    """

    __slots__ = ("_columns",)

    def __init__(self) -> None:
        self._columns = [array(typecode) for typecode in _COLUMNS]

    def __len__(self) -> int:
        return len(self._columns[0])

    def __iter__(self) -> Iterator[AbortedTransaction]:
        return map(AbortedTransaction._make, zip(*self._columns, strict=True))

    def append(self, aborted: AbortedTransaction) -> None:
        """Add one whose marker lies after all others."""
        for column, value in zip(self._columns, aborted, strict=True):
            column.append(value)

    def encode(self, *, log_bytes: int) -> bytes:
        """Return the file's content; ``log_bytes`` is the size of the log it describes."""
        return index_file.encode(_MAGIC, self._columns, log_bytes=log_bytes)

    @classmethod
    def decode(cls, data: bytes, *, log_bytes: int) -> "TransactionIndex | None":
        """Return the index, or None if the bytes are not that of a log of this size."""
        columns = index_file.decode(data, _MAGIC, _COLUMNS, log_bytes=log_bytes)
        if columns is None:
            return None
        index = cls()
        index._columns = columns
        return index
