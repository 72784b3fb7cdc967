"""The segments of one partition in order: find an offset, read from it, replace what is sealed.

The last segment is the one that is written to. A place is a segment and a position in its file;
the places where the high watermark has lately been are remembered, because that is where readers
of the tail stopped and will read on. For the event loop.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker_core.log.segment import Segment
from broker_core.log.transaction_index import TransactionIndex

_REMEMBERED_PLACES = 64
_LOADED_SEALED = 4  # sealed segments whose indexes stay in memory


@dataclass(frozen=True, slots=True)
class Place:
    """A batch boundary in a segment's file."""

    segment: Segment
    position: int


class SegmentList:
    """Never empty; ordered by offset, without overlap."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = list(segments)
        self._bases = [segment.base_offset for segment in segments]
        self._places: OrderedDict[int, Place] = OrderedDict()
        self._loaded: OrderedDict[int, Segment] = OrderedDict()

    def __iter__(self) -> Iterator[Segment]:
        return iter(tuple(self._segments))

    def __len__(self) -> int:
        return len(self._segments)

    @property
    def active(self) -> Segment:
        """The segment that is written to."""
        return self._segments[-1]

    @property
    def sealed(self) -> Sequence[Segment]:
        """All others, oldest first."""
        return tuple(self._segments[:-1])

    def append(self, segment: Segment) -> None:
        """Add the segment that is written to from now on."""
        self._segments.append(segment)
        self._bases.append(segment.base_offset)

    def remove(self, segment: Segment) -> None:
        """Take a sealed segment out and close its file."""
        number = self._segments.index(segment)
        del self._segments[number], self._bases[number]
        self._loaded.pop(segment.base_offset, None)
        self._places.clear()
        segment.forget_file()

    def drop_from(self, offset: int) -> Sequence[Segment]:
        """Take the segments that begin after ``offset`` out, all but the first; return them."""
        number = max(1, bisect_right(self._bases, offset))
        dropped = self._segments[number:]
        del self._segments[number:], self._bases[number:]
        for segment in dropped:
            self._loaded.pop(segment.base_offset, None)
        self._loaded.pop(self.active.base_offset, None)
        self._places.clear()
        return dropped

    def forget_places(self) -> None:
        """Forget what was remembered of the file: it was cut."""
        self._places.clear()

    def replace(self, old: Sequence[Segment], new: Segment) -> None:
        """Put a compacted segment in the place of those it was made of."""
        number = self._segments.index(old[0])
        for segment in old:
            self.remove(segment)
        self._segments.insert(number, new)
        self._bases.insert(number, new.base_offset)

    def remember(self, offset: int, place: Place) -> None:
        """Take note of where the batch with ``offset`` will begin or begins."""
        self._places[offset] = place
        if len(self._places) > _REMEMBERED_PLACES:
            self._places.popitem(last=False)

    def place_of(self, offset: int) -> Place:
        """Return where the batch that reaches ``offset`` begins."""
        number, position = self._find(offset)
        return Place(self._segments[number], position)

    def from_offset(self, offset: int) -> Iterator[Segment]:
        """Yield the segment that may hold ``offset`` and those after it."""
        return iter(self._segments[max(0, bisect_right(self._bases, offset) - 1) :])

    def read(self, offset: int, end: Place, *, max_bytes: int, minimum_one: bool) -> bytes:
        """Return whole batches from the one that holds ``offset`` up to ``end``.

        Raises:
            OSError: A file cannot be read.
        """
        number, position = self._find(offset)
        chunks: list[bytes] = []
        while True:
            segment = self._segments[number]
            stop = end.position if segment is end.segment else segment.size
            if position < stop:
                chunk = segment.read(
                    position, stop, max_bytes=max_bytes, minimum_one=minimum_one and not chunks
                )
                chunks.append(chunk)
                max_bytes -= len(chunk)
                position += len(chunk)
            if position < stop or segment is end.segment:
                break
            number, position = number + 1, 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def aborted_of(self, segment: Segment) -> TransactionIndex:
        """Return a segment's aborted transactions; those of a few sealed ones stay in memory."""
        if segment is not self.active:
            self._keep_loaded(segment)
        return segment.aborted

    def _find(self, offset: int) -> tuple[int, int]:
        place = self._places.get(offset)
        if place is not None:
            return bisect_right(self._bases, place.segment.base_offset) - 1, place.position
        number = max(0, bisect_right(self._bases, offset) - 1)
        segment = self._segments[number]
        if segment is not self.active:
            self._keep_loaded(segment)
        return number, segment.position_of(offset)

    def _keep_loaded(self, segment: Segment) -> None:
        self._loaded[segment.base_offset] = segment
        self._loaded.move_to_end(segment.base_offset)
        if len(self._loaded) > _LOADED_SEALED:
            _, unused = self._loaded.popitem(last=False)
            unused.release_indexes()
