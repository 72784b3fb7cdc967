"""Watermark: how far a partition is settled when its records are settled in any order. Pure.

>>> mark = Watermark()
>>> mark.begin(7, parts=2)
>>> mark.begin(8, parts=1)
>>> mark.settle(8), mark.settle(7), mark.settle(7)
(None, None, 9)
"""


class Watermark:
    """Counts what is still open of each record of one partition."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, offset: int, *, parts: int) -> None:
        """A record that must be settled so many times; offsets come in order."""
        self._open[offset] = parts

    def settle(self, offset: int) -> int | None:
        """One part of a record is settled; the offset that may be committed if that moved it."""
        self._open[offset] -= 1
        return self.advance()

    def advance(self) -> int | None:
        """The offset after the records that are settled with all before them; None for none."""
        reached = None
        for offset, parts in list(self._open.items()):
            if parts > 0:
                break
            del self._open[offset]
            reached = offset + 1
        return reached
