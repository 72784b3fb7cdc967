"""What one hits partition's records lead to: hits and ticks in, firings, hits and ticks out. Pure.

A tick says how far one source has come: at level 0 the receipt of the events of one partition,
above it the firings that one hits partition gives to the next level. A level may count what was
received up to the least of its ticks, less the lateness. So no group, wherever it lies, is judged
before all that counts for it has come.

The worker that is killed before its commit delivers hits again. They come in the order of their
events, so what lies before an offset that a tick has passed is a repetition.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from detections.correlation.changelog import Change, Changelog, StateRecord
from detections.correlation.correlator import Correlator, CorrelatorState
from detections.correlation.finder import HitFinder
from detections.correlation.hit import Firing, Hit
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from detections.correlation.watermark import least


class Tick(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tick"):
    """How far sources have come; a record of ``detections.hits``, in every partition.

    Attributes:
        level: Of the correlations that it is meant for.
        received_us: By source, up to which receipt everything has been delivered before it.
        offsets: By source, at level 0, the offset before which everything has been.
    """

    level: int = 0
    received_us: dict[str, int]
    offsets: dict[str, int] = {}


class Progress(msgspec.Struct, kw_only=True):
    """What one hits partition has been told by ticks.

    Attributes:
        received_us: By level and source.
        offsets: By source of level 0.
    """

    received_us: dict[int, dict[str, int]] = {}
    offsets: dict[str, int] = {}


class Outcome(NamedTuple):
    """What records have led to.

    Attributes:
        firings: What fired.
        hits: What those that fired count for; their partition goes by their key.
        ticks: How far this partition's firings have come; for every partition.
        changes: What became of groups.
    """

    firings: Sequence[Firing]
    hits: Sequence[Hit]
    ticks: Sequence[Tick]
    changes: Sequence[Change]


class HitsPartition:
    """The correlations over one partition.

    Args:
        name: Of this partition, among ``partitions``.
        partitions: Every hits partition.
        sources: Every partition of events.
        links: The correlations.
        limits: How much may be remembered, in this partition.
        lateness_us: How long a hit waits.
    """

    def __init__(
        self,
        name: str,
        *,
        partitions: Sequence[str],
        sources: Sequence[str],
        links: Links,
        limits: Limits,
        lateness_us: int,
    ) -> None:
        self._name = name
        self._partitions = partitions
        self._sources = sources
        self._links = links
        self._lateness_us = lateness_us
        self._told: dict[int, int] = {}
        self.correlator = Correlator(links, limits, keeps_changes=True)
        self.finder = HitFinder(links)
        self.progress = Progress()

    def observe(self, record: Hit | Tick) -> None:
        """Take the partition's next record."""
        if isinstance(record, Tick):
            self._tick(record)
        elif not self._is_repeated(record):
            correlation = self._links.correlations.get(record.correlation)
            if correlation is not None and correlation.revision == record.revision:
                self.correlator.observe(record)

    def settle(self) -> Outcome:
        """What can be decided by now."""
        firings: list[Firing] = []
        ticks = []
        for level in range(self.correlator.depth):
            watermark_us = self._watermark_us(level)
            if watermark_us is None:
                break
            firings += self.correlator.advance(level, watermark_us)
            if level + 1 < self.correlator.depth and watermark_us > self._told.get(level, -1):
                self._told[level] = watermark_us
                ticks.append(Tick(level=level + 1, received_us={self._name: watermark_us}))
        hits = [hit for firing in firings for hit in self.finder.of_firing(firing)]
        return Outcome(firings, hits, ticks, list(self.correlator.changes()))

    def take_over(self, before: "HitsPartition") -> list[Change]:
        """Go on where another one, of other correlations, left off; which groups were let go."""
        state = before.correlator.state()
        self.progress = before.progress
        self.correlator.restore(state)
        return [
            Change(window.key, None)
            for window in state.windows
            if not self.correlator.follows(window.key)
        ]

    def restore(
        self, progress: Progress, records: Iterable[StateRecord], changelog: Changelog
    ) -> list[Change]:
        """Go on from what is in the changelog; which groups of it are let go."""
        self.progress = progress
        self.correlator.restore(CorrelatorState(windows=tuple(changelog.restore(records))))
        return [Change(key, None) for key in changelog.groups if not self.correlator.follows(key)]

    def _tick(self, tick: Tick) -> None:
        known = self.progress.received_us.setdefault(tick.level, {})
        for source, received_us in tick.received_us.items():
            known[source] = max(known.get(source, received_us), received_us)
        for source, offset in tick.offsets.items():
            self.progress.offsets[source] = offset

    def _is_repeated(self, hit: Hit) -> bool:
        if hit.events:  # of a firing: those come exactly once
            return False
        source = f"{hit.event.topic}:{hit.event.partition}"
        offset = self.progress.offsets.get(source, 0)
        # A log that has begun anew has small offsets again, but not old receipts.
        told_us = self.progress.received_us.get(0, {}).get(source, -1)
        return hit.event.offset < offset and hit.received_us <= told_us

    def _watermark_us(self, level: int) -> int | None:
        awaited = self._partitions if level else self._sources
        known = self.progress.received_us.get(level, {})
        received_us = least(known.get(source) for source in awaited)
        return None if received_us is None else received_us - self._lateness_us
