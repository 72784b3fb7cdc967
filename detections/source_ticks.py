"""How far a worker has come in its partitions of events, told to the correlations. Pure.

Told after every batch, and in silence every two seconds, so that windows close. Where nothing
comes, our own clock is believed: once the log has said that nothing is left to read, or after so
long that nobody may wait any more.
"""

from collections.abc import Iterable, Mapping

from detections.correlation.partition import Tick
from detections.correlation.watermark import SourceClock

# A partition whose clock stands still for so long is asked whether it is read to its end.
SILENCE_US = 2_000_000
# One that is not is waited for so long.
STALLED_US = 30_000_000


class SourceTicks:
    """The clocks of the partitions that one worker reads."""

    def __init__(self) -> None:
        self._clocks: dict[str, SourceClock] = {}
        self._next: dict[str, int] = {}
        self._looked_us = 0

    def assign(self, sources: Mapping[str, int], *, now_us: int) -> None:
        """Begin anew with these partitions, each with the offset that is read next."""
        self._clocks = {source: SourceClock(since_us=now_us) for source in sources}
        self._next = dict(sources)

    def observe(self, source: str, offset: int, observed_us: int, *, now_us: int) -> int:
        """See an event; returns when it counts as received."""
        if source not in self._clocks:
            return observed_us
        self._next[source] = offset + 1
        return self._clocks[source].observe(observed_us, now_us=now_us)

    def pass_over(self, source: str, offset: int) -> None:
        """See a record that holds no event."""
        if source in self._next:
            self._next[source] = offset + 1

    def silent(self, now_us: int) -> Iterable[str]:
        """Partitions that stand still, to ask for their end; none if that was done just now."""
        if now_us - self._looked_us < SILENCE_US:
            return ()
        self._looked_us = now_us
        return [
            source for source, clock in self._clocks.items() if clock.still_us(now_us) >= SILENCE_US
        ]

    def hear(self, ends: Mapping[str, int], *, asked_us: int) -> None:
        """Take the ends of silent partitions: whose is read is as late as when it was asked."""
        for source, clock in self._clocks.items():
            if source in ends and (
                ends[source] <= self._next[source] or clock.still_us(asked_us) >= STALLED_US
            ):
                clock.believe(asked_us)

    def tick(self) -> Tick | None:
        """What is to be told, after the hits of all that was seen; None if nothing is known."""
        received_us = {
            source: clock.received_us
            for source, clock in self._clocks.items()
            if clock.received_us is not None
        }
        return Tick(received_us=received_us, offsets=dict(self._next)) if received_us else None
