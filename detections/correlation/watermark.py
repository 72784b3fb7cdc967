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
        silence_us: After how long without events it is as late as our own clock shows.
    """

    def __init__(self, *, since_us: int, silence_us: int) -> None:
        self._silence_us = silence_us
        self._seen_us = since_us
        self.received_us: int | None = None

    def observe(self, observed_us: int, *, now_us: int) -> int:
        """See an event that was received then; returns when it counts as received.

        That never goes back: a collector may deliver late what it received early.
        """
        self._seen_us = now_us
        self.received_us = max(self.received_us or observed_us, observed_us)
        return self.received_us

    def tick(self, now_us: int) -> None:
        """Say what our clock shows: it is believed where nothing comes."""
        if now_us - self._seen_us >= self._silence_us:
            self.received_us = max(self.received_us or now_us, now_us)


def least(received: Iterable[int | None]) -> int | None:
    """How far all partitions together have come; None while one of them is not known."""
    known = list(received)
    if not known or None in known:
        return None
    return min(one for one in known if one is not None)
