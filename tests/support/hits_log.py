"""The correlating half in memory: hits partitions, their logs, and owners that can be killed."""

from collections.abc import Iterable, Sequence
from zlib import crc32

import msgspec

from detections.correlation.changelog import Change, Changelog, StateRecord
from detections.correlation.hit import Firing, Hit
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from detections.correlation.partition import HitsPartition, Progress, Tick
from detections.hit_records import decode

SOURCE = "events.log:0"


class _Partition:
    """One partition: its log, its changelog, and whoever owns it at the moment."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        self.state: list[StateRecord] = []
        self.progress = b"{}"
        self.read = 0
        self.machine: HitsPartition | None = None
        self.changelog = Changelog()


class HitsLog:
    """Every hits partition; what is written to it comes back at ``run``.

    Attributes:
        fired: What has been committed of firings.
    """

    def __init__(
        self, links: Links, *, partitions: int, sources: Sequence[str], lateness_us: int
    ) -> None:
        self._links = links
        self._sources = sources
        self._lateness_us = lateness_us
        self._partitions = {f"hits:{number}": _Partition() for number in range(partitions)}
        self.fired: list[Firing] = []

    def write(self, hits: Iterable[Hit], ticks: Iterable[Tick] = ()) -> None:
        """Hits to their partitions, then ticks to all."""
        names = list(self._partitions)
        for hit in hits:
            name = names[crc32("\0".join(hit.key).encode()) % len(names)]
            self._partitions[name].log.append(msgspec.json.encode(hit))
        for tick in ticks:
            for partition in self._partitions.values():
                partition.log.append(msgspec.json.encode(tick))

    def run(self, *, killed: int = -1) -> None:
        """Read every log to its end; the owner of that partition is killed before it commits."""
        while any(len(one.log) > one.read for one in self._partitions.values()):
            for number, (name, partition) in enumerate(self._partitions.items()):
                self._round(name, partition, is_killed=number == killed)
            killed = -1

    def _round(self, name: str, partition: _Partition, *, is_killed: bool) -> None:
        machine, let_go = partition.machine, list[Change]()
        if machine is None:
            machine = partition.machine = HitsPartition(
                name,
                partitions=list(self._partitions),
                sources=self._sources,
                links=self._links,
                limits=Limits(),
                lateness_us=self._lateness_us,
            )
            partition.changelog = Changelog()
            progress = msgspec.json.decode(partition.progress, type=Progress)
            let_go = machine.restore(progress, partition.state, partition.changelog)
        end = len(partition.log)
        for value in partition.log[partition.read : end]:
            machine.observe(decode(value))
        outcome = machine.settle()
        if is_killed:
            partition.machine = None
            return
        partition.state += partition.changelog.records([*let_go, *outcome.changes])
        partition.progress = msgspec.json.encode(machine.progress)
        partition.read = end
        self.fired += outcome.firings
        self.write(outcome.hits, outcome.ticks)

    def left(self) -> int:
        """How many records the compacted changelogs hold."""
        newest = [dict(one.state) for one in self._partitions.values()]
        return sum(value is not None for state in newest for value in state.values())
