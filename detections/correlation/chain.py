"""All levels of correlations in one process: what fires below is a hit above. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from detections.correlation.correlator import FOREVER, Correlator
from detections.correlation.finder import HitFinder
from detections.correlation.hit import Firing, Hit
from detections.correlation.limits import Limits
from detections.correlation.links import Links


class Chain:
    """A correlator and the finder that leads its firings upwards.

    Args:
        links: What builds on what.
        limits: How much may be remembered.
        lateness_us: How long a hit waits, after its receipt, for others; at each level anew.
    """

    def __init__(self, links: Links, limits: Limits, *, lateness_us: int) -> None:
        self.correlator = Correlator(links, limits)
        self.finder = HitFinder(links)
        self._lateness_us = lateness_us

    def observe(self, hits: Iterable[Hit]) -> None:
        """Let hits wait for their turn."""
        for hit in hits:
            self.correlator.observe(hit)

    def advance(self, received_us: int, *, is_end: bool = False) -> list[Firing]:
        """What fires when all that was received by then has been observed, lower levels first.

        Args:
            received_us: When.
            is_end: That nothing more is to come, which is no absence.
        """
        fired: list[Firing] = []
        for level in range(self.correlator.depth):
            watermark_us = received_us - (level + 1) * self._lateness_us
            for firing in self.correlator.advance(level, watermark_us):
                if is_end and firing.correlation.kind == "absence":
                    continue
                fired.append(firing)
                self.observe(self.finder.of_firing(firing))
        return fired

    def in_order(self, hits: Iterable[Hit], *, until_us: int | None = None) -> Iterator[Firing]:
        """What fires when these hits are all there are, and none is late; in order.

        Args:
            hits: Received when they happened.
            until_us: When the last event happened that may have been one; None: the last hit.
        """
        before = None
        for hit in sorted(hits, key=lambda hit: (hit.time_us, hit.event.id)):
            if before is not None and hit.time_us > before:
                yield from self.advance(before)
            before = hit.time_us
            self.observe([hit])
        end_us = until_us if until_us is not None else before
        if end_us is not None:
            yield from self.advance(end_us)
        yield from self.flush()

    def uncounted(self) -> Counter[tuple[str, str]]:
        """What did not count so far, by id of the correlation and reason."""
        return self.correlator.counts + self.finder.dropped

    def flush(self) -> list[Firing]:
        """What fires when nothing is to come at all."""
        return self.advance(FOREVER, is_end=True)
