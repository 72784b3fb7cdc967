"""Which transactions of a partition are undecided, and so how far read_committed may read.

A transaction that has its marker still counts until the marker is below the high watermark:
otherwise a reader could be shown records whose fate a crash may yet change. Pure.
"""

from collections import deque
from collections.abc import Mapping

NOWHERE = 1 << 63  # beyond every offset


class OpenTransactions:
    """The transactions of one partition that hold readers back.

    >>> transactions = OpenTransactions()
    >>> transactions.begin(7, 10)
    >>> transactions.first_unstable(high_watermark=15)
    10
    >>> transactions.end(7, marker_offset=20)
    10
    >>> transactions.first_unstable(high_watermark=20), transactions.first_undecided
    (10, 9223372036854775808)
    >>> transactions.first_unstable(high_watermark=21) == NOWHERE
    True
    """

    __slots__ = ("_ended", "_open")

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        self._ended: deque[tuple[int, int]] = deque()

    def __contains__(self, producer_id: int) -> bool:
        return producer_id in self._open

    @property
    def is_idle(self) -> bool:
        """Whether nothing at all stands in readers' way."""
        return not self._open and not self._ended

    @property
    def by_producer(self) -> Mapping[int, int]:
        """The first offset of each open transaction by producer id, lowest offset first."""
        return self._open

    def begin(self, producer_id: int, first_offset: int) -> None:
        """Take note of a transaction's first record, unless it is under way already."""
        self._open.setdefault(producer_id, first_offset)

    def end(self, producer_id: int, marker_offset: int) -> int | None:
        """Take note of a marker; return the transaction's first offset, None if none was open."""
        first_offset = self._open.pop(producer_id, None)
        if first_offset is not None:
            self._ended.append((marker_offset, first_offset))
        return first_offset

    def settle(self, high_watermark: int) -> None:
        """Forget the transactions whose marker lies below the high watermark.

        Args:
            high_watermark: Never smaller than at an earlier call.
        """
        ended = self._ended
        while ended and ended[0][0] < high_watermark:
            ended.popleft()

    @property
    def first_undecided(self) -> int:
        """Offset of the first record without a marker; :data:`NOWHERE` if there is none."""
        return next(iter(self._open.values()), NOWHERE)  # begun in the order of offsets

    def first_unstable(self, high_watermark: int) -> int:
        """Offset that read_committed may not pass; :data:`NOWHERE` if nothing stands in its way.

        Args:
            high_watermark: Never smaller than at an earlier call.
        """
        self.settle(high_watermark)
        ended, undecided = self._ended, self.first_undecided
        return min(undecided, min(first for _, first in ended)) if ended else undecided
