"""Sparse offset to file position (``.index``): where in a segment to begin looking.

An entry per ``index_interval_bytes`` of log; positions are those of whole batches, so they also
tell where a read may be cut. Pure: bytes in, bytes out.

Format: FORMAT.md, "Offset index".
"""

from array import array
from bisect import bisect_right

from broker_core.log import index_file

_MAGIC = b"TOIX"
_COLUMNS = ("I", "I")


class OffsetIndex:
    """Batches of one segment, by offset relative to its base and by position.

    >>> index = OffsetIndex()
    >>> index.append(0, 0)
    >>> index.append(40, 4100)
    >>> index.position_of(39), index.position_of(40), index.boundary_before(5000)
    (0, 4100, 4100)
    """

    __slots__ = ("_offsets", "_positions")

    def __init__(self) -> None:
        self._offsets = array("I")
        self._positions = array("I")

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def last_position(self) -> int:
        """Position of the last indexed batch; 0 if there is none."""
        return self._positions[-1] if self._positions else 0

    def append(self, relative_offset: int, position: int) -> None:
        """Index one more batch; both numbers only grow."""
        self._offsets.append(relative_offset)
        self._positions.append(position)

    def position_of(self, relative_offset: int) -> int:
        """Position of an indexed batch that begins at or before the offset; else 0."""
        entry = bisect_right(self._offsets, relative_offset) - 1
        return self._positions[entry] if entry >= 0 else 0

    def boundary_before(self, position: int) -> int:
        """Last indexed position at or before this one; else 0."""
        entry = bisect_right(self._positions, position) - 1
        return self._positions[entry] if entry >= 0 else 0

    def encode(self, *, log_bytes: int) -> bytes:
        """Return the file's content; ``log_bytes`` is the size of the log it describes."""
        return index_file.encode(_MAGIC, (self._offsets, self._positions), log_bytes=log_bytes)

    @classmethod
    def decode(cls, data: bytes, *, log_bytes: int) -> "OffsetIndex | None":
        """Return the index, or None if the bytes are not that of a log of this size."""
        columns = index_file.decode(data, _MAGIC, _COLUMNS, log_bytes=log_bytes)
        if columns is None:
            return None
        index = cls()
        index._offsets, index._positions = columns
        return index
