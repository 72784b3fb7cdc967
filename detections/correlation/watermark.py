"""Up to which moment of receipt everything has been seen. Pure: what clocks show is given.

Windows turn on event time, but senders' clocks are claims, and a day of old events may come in a
minute. So what is waited for is measured by our own clock: a hit waits for the lateness after it
was received, and what is received meanwhile is put in its place by event time. The watermark is how
far receipt has come in every source partition, less the lateness.
"""

from collections.abc import Iterable


class SourceClock:
    """How far receipt has come in one partition.

    Args:
        since_us: When it began to be read.
    """

    def __init__(self, *, since_us: int) -> None:
        self._moved_us = since_us
        self.received_us: int | None = None

    def observe(self, observed_us: int, *, now_us: int) -> int:
        """See an event that was received then; returns when it counts as received.

        That never goes back: a collector may deliver late what it received early.
        """
        if self.received_us is None or observed_us > self.received_us:
            self.received_us = observed_us
            self._moved_us = now_us
        return self.received_us

    def believe(self, now_us: int) -> None:
        """Take our own clock's word, because all that was received by then has come."""
        self.observe(now_us, now_us=now_us)

    def still_us(self, now_us: int) -> int:
        """For how long it has not moved: nothing comes, or only what was received long ago."""
        return now_us - self._moved_us


def least(received: Iterable[int | None]) -> int | None:
    """How far all partitions together have come; None while one of them is not known."""
    known = list(received)
    if not known or None in known:
        return None
    return min(one for one in known if one is not None)
