"""What can be seen of a fault: leaders that move, copies that fall behind, producers that wait."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.cluster import TOPIC, Cluster
from tests.chaos.producer import IN_FLIGHT

LOOK_SECONDS = 0.2
SILENT_SECONDS = 1.0
ACKNOWLEDGED = b'"acknowledged"'
DIED = b'"died"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One fault and what was seen of it.

    Attributes:
        began_seconds: Since the first fault began.
        lasted_seconds: Until it was healed.
        leaders_moved: Partitions that had another leader at some time until all was well.
        smallest_isr: The fewest in-sync replicas that any partition had meanwhile.
        longest_silence_seconds: The longest that any producer was not acknowledged anything.
        whole_after_seconds: From healing until every replica was in sync again.
        served_after_seconds: From then until every producer was acknowledged more than it can have
            had under way.
        clients_died: How many producers' client libraries brought them to an end meanwhile.
        is_seen: Whether leaders moved, copies fell behind or a producer had to wait.
        is_healed: Whether all was well again in time.
        events: What the processes logged of it, by event.
    """

    fault: str
    victim: str
    began_seconds: float
    lasted_seconds: float
    leaders_moved: int
    smallest_isr: int
    longest_silence_seconds: float
    whole_after_seconds: float
    served_after_seconds: float
    clients_died: int
    is_seen: bool
    is_healed: bool
    events: Mapping[str, int]


class Journals:
    """The producers' journals, read as they grow: who was acknowledged how much, and when last.

    Attributes:
        acknowledged: How many records, by journal.
        deaths: How many clients were replaced.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._read = dict.fromkeys(paths, 0)
        self.acknowledged = dict.fromkeys(paths, 0)
        self.deaths = 0
        self._heard = dict.fromkeys(paths, time.monotonic())

    def look(self) -> float:
        """Read on; return how long the most silent producer has not been acknowledged anything."""
        now = time.monotonic()
        for path in self._paths:
            with path.open("rb") as lines:
                lines.seek(self._read[path])
                more = lines.read()
            whole = more[: more.rfind(b"\n") + 1]
            self._read[path] += len(whole)
            self.deaths += whole.count(DIED)
            if heard := whole.count(ACKNOWLEDGED):
                self.acknowledged[path] += heard
                self._heard[path] = now
        return max((now - heard for heard in self._heard.values()), default=0.0)

    def answered(self) -> "Answered":
        """Return what says whether every producer has been heard since now."""
        self.look()
        return Answered(self, dict(self.acknowledged))


@dataclass(frozen=True, slots=True)
class Answered:
    """Whether every producer was acknowledged more than it could have had under way."""

    journals: Journals
    before: Mapping[Path, int]

    def __call__(self) -> bool:
        """Look again."""
        self.journals.look()
        now = self.journals.acknowledged
        return all(now[path] > before + IN_FLIGHT for path, before in self.before.items())


class Watch:
    """What is seen of one fault, from before it strikes until all is well again."""

    def __init__(self, cluster: Cluster, journals: Journals) -> None:
        self._cluster = cluster
        self._journals = journals
        self._before = {key: seen.leader for key, seen in cluster.view().items()}
        self._logged = [process.logged() for process in cluster.processes]
        self._moved: set[tuple[str, int]] = set()
        self._deaths_before = journals.deaths
        self.smallest_isr = len(cluster.nodes)
        self.longest_silence = 0.0

    def look(self) -> None:
        """Take note of how things are."""
        self.longest_silence = max(self.longest_silence, self._journals.look())
        for key, seen in self._cluster.view().items():
            if seen.leader != self._before.get(key, seen.leader):
                self._moved.add(key)
            if key[0] == TOPIC:
                self.smallest_isr = min(self.smallest_isr, len(seen.isr))

    @property
    def leaders_moved(self) -> int:
        """How many partitions had another leader meanwhile."""
        return len(self._moved)

    @property
    def clients_died(self) -> int:
        """How many clients were replaced meanwhile."""
        return self._journals.deaths - self._deaths_before

    @property
    def has_moved(self) -> bool:
        """Whether a partition had another leader meanwhile, or fewer copies in sync."""
        return bool(self._moved) or self.smallest_isr < len(self._cluster.nodes)

    @property
    def has_effect(self) -> bool:
        """Whether anything can be seen of it by now."""
        return self.has_moved or self.longest_silence > SILENT_SECONDS

    def events(self) -> Counter[str]:
        """What all processes have logged since."""
        return sum((logged() for logged in self._logged), Counter[str]())
