"""Sparse timestamp to file position (``.timeindex``): where to look for a time.

Timestamps of a log need not grow, so an entry holds the largest timestamp up to and including the
batch at its position: whoever looks for a later one need not look before it. Pure.

Format: FORMAT.md, "Time index".
"""

from array import array
from bisect import bisect_left

from broker_core.log import index_file

NO_TIMESTAMP = -1
_MAGIC = b"TTIX"
_COLUMNS = ("q", "I")


class TimeIndex:
    """Largest timestamps of one segment, in milliseconds since 1970.

    >>> index = TimeIndex()
    >>> index.append(1_000, 0)
    >>> index.append(3_000, 4100)
    >>> index.position_before(1_000), index.position_before(2_000), index.max_timestamp
    (0, 0, 3000)
    >>> index.position_before(3_001)
    4100
    """

    __slots__ = ("_positions", "_timestamps")

    def __init__(self) -> None:
        self._timestamps = array("q")
        self._positions = array("I")

    def __len__(self) -> int:
        return len(self._timestamps)

    @property
    def max_timestamp(self) -> int:
        """Largest timestamp indexed; -1 if there is none."""
        return self._timestamps[-1] if self._timestamps else NO_TIMESTAMP

    def append(self, max_timestamp: int, position: int) -> None:
        """Say that up to the batch at ``position`` no timestamp is larger."""
        self._timestamps.append(max_timestamp)
        self._positions.append(position)

    def position_before(self, timestamp: int) -> int:
        """Position from which to look for the first record at or after ``timestamp``."""
        entry = bisect_left(self._timestamps, timestamp) - 1
        return self._positions[entry] if entry >= 0 else 0

    def encode(self, *, log_bytes: int) -> bytes:
        """Return the file's content; ``log_bytes`` is the size of the log it describes."""
        return index_file.encode(_MAGIC, (self._timestamps, self._positions), log_bytes=log_bytes)

    @classmethod
    def decode(cls, data: bytes, *, log_bytes: int) -> "TimeIndex | None":
        """Return the index, or None if the bytes are not that of a log of this size."""
        columns = index_file.decode(data, _MAGIC, _COLUMNS, log_bytes=log_bytes)
        if columns is None:
            return None
        index = cls()
        index._timestamps, index._positions = columns
        return index
