"""Which key an event gets: its source, until that is too hot for one partition. Pure.

Events are keyed by source, so that one source's events lie in one partition, in order. A source
that sends more than one partition's reader can follow spills over: what exceeds the limit in a
second goes without a key, to any partition.
"""


class SpillOver:
    """Counts each source's events by the second.

    >>> spill_over = SpillOver(events_per_second=10)
    >>> [spill_over.key("syslog:10.0.0.7", 8, second) for second in (1, 1, 1, 2)]
    [b'syslog:10.0.0.7', b'syslog:10.0.0.7', None, b'syslog:10.0.0.7']
    """

    __slots__ = ("_counts", "_limit", "_second")

    def __init__(self, *, events_per_second: int) -> None:
        self._limit = events_per_second
        self._second = 0
        self._counts: dict[str, int] = {}  # as many sources as sent in one second

    def key(self, source: str, events: int, second: int) -> bytes | None:
        """The key of that many events of a source; None if they may go to any partition.

        Args:
            source: Who sent them.
            events: How many; all of them get the same key.
            second: Of any clock that does not go back.
        """
        if second != self._second:
            self._second = second
            self._counts.clear()
        before = self._counts.get(source, 0)
        self._counts[source] = before + events
        return source.encode() if before < self._limit else None
