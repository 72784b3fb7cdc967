"""For every seeded bug the shortest plan that must show it: chance plays no part in these.

- **acknowledge-early**: a leader is cut off from all others and goes on acknowledging until it
  knows that it may not; the others never had those records.
- **skip-truncation**: the same; what it wrote and nobody acknowledged has to go again.
- **no-fencing**: a zombie writes into the transaction of who took its place.
- **lose-producer-snapshot**: a node takes records, its answers are lost, it is killed and started
  again: clients send what it has already.
- **show-aborted**: transactions are aborted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.clients import Crew
from tests.chaos.run import Plan


@dataclass(frozen=True, slots=True)
class Directed:
    """A plan and how a bug shows in it.

    Attributes:
        shows_as: Kinds of anomalies, any of which betrays the bug.
    """

    plan: Plan
    shows_as: frozenset[str]


def _three(bug: str, *shows_as: str, patience_seconds: float = 60.0) -> Directed:
    plan = Plan(
        nodes=3,
        faults=1,
        crew=Crew(plain=2, transactional=0, zombies=0),
        kinds=("cut-off",),
        bug=bug,
        with_restart=False,
        patience_seconds=patience_seconds,
    )
    return Directed(plan, frozenset(shows_as))


def _one(bug: str, crew: Crew, *shows_as: str, kinds: tuple[str, ...] = ()) -> Directed:
    plan = Plan(nodes=1, faults=len(kinds), crew=crew, kinds=kinds, bug=bug, with_restart=False)
    return Directed(plan, frozenset(shows_as))


DIRECTED: Mapping[str, Directed] = {
    "acknowledge-early": _three("acknowledge-early", "lost", "moved"),
    "skip-truncation": _three("skip-truncation", "unlike", "lost", "moved", patience_seconds=10.0),
    "no-fencing": _one("no-fencing", Crew(plain=0, transactional=0, zombies=1), "aborted"),
    "lose-producer-snapshot": _one(
        "lose-producer-snapshot",
        Crew(plain=2, transactional=0, zombies=0),
        "doubled",
        kinds=("muted",),
    ),
    "show-aborted": _one("show-aborted", Crew(plain=0, transactional=1, zombies=0), "aborted"),
}
