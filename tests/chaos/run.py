"""One run: a cluster at work, faults one after the other, and what the checker says in the end."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.checker import Anomaly, check
from tests.chaos.clients import Crew, at_work, look_back
from tests.chaos.cluster import Cluster
from tests.chaos.copies import unlike
from tests.chaos.faults import FAULTS, FaultKind
from tests.chaos.history import History
from tests.chaos.hosts import hosts
from tests.chaos.watch import LOOK_SECONDS, Effect, Journals, Watch
from tests.support.waiting import until

SHORTEST_SECONDS = 0.3
LONGEST_SECONDS = 6.0
SHORT_ONES = 0.25  # of all faults: over before anybody need have noticed
DEEP_ONES = 0.5  # of all faults: over only once a leader has moved or a copy fell behind
SERVED_SECONDS = 180
LINGER_SECONDS = 1.0  # at most, once the effect is seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run does.

    Attributes:
        kinds: Faults by name, one after the other and from the beginning again.
        bug: The name of a bug to seed into every node.
        with_restart: Whether everything is killed at once and started anew before the last look.
        most_seconds: After that much time no further fault happens; None: all of them do.
        patience_seconds: How long the cluster may take to be whole again after a fault.
    """

    nodes: int
    faults: int
    seed: int = 1
    crew: Crew = field(default_factory=Crew)
    kinds: tuple[str, ...] = tuple(FAULTS)
    bug: str | None = None
    with_restart: bool = True
    most_seconds: float | None = None
    patience_seconds: float = 300.0


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run found.

    Attributes:
        faults: How many of each kind.
        without_effect: How many of them nobody could tell from outside.
        records: What became of records, transactions and offsets.
        client_deaths: How many processes their client library brought to an end, by what it did.
    """

    plan: Plan
    effects: list[Effect] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    without_effect: dict[str, int] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    client_deaths: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    anomalies: list[Anomaly] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether the log kept its word."""
        return not self.anomalies

    @property
    def broken(self) -> set[str]:
        """The kinds of anomalies found."""
        return {anomaly.kind for anomaly in self.anomalies}


def run(plan: Plan, scratch: Path, tell: Callable[[Effect], None] = lambda _: None) -> Report:
    """Carry out a plan; journals and logs of the nodes stay in ``scratch``.

    Args:
        tell: Called with every fault once all is well again.
    """
    report = Report(plan=plan)
    began = time.monotonic()
    controllers = int(plan.nodes > 1)
    with (
        hosts(scratch, plan.nodes + controllers) as machines,
        Cluster(
            machines[: plan.nodes], machines[plan.nodes] if controllers else None, bug=plan.bug
        ) as cluster,
    ):
        cluster.create_topics()
        with at_work(plan.crew, cluster.bootstrap, scratch) as paths:
            journals = Journals(paths)
            until(journals.answered(), "all producers are served", seconds=SERVED_SECONDS)
            report.anomalies += _strike_all(plan, cluster, journals, report.effects, tell)
        if plan.with_restart:
            cluster.restart()
        if report.is_clean and not _comes_true(cluster.is_whole, plan.patience_seconds):
            report.anomalies.append(Anomaly("apart", "the copies are not in sync in the end"))
        history = look_back(plan.crew, cluster.bootstrap, scratch)
        report.anomalies += check(history)
        report.anomalies += unlike({node.name: node.data_dir for node in cluster.nodes})
    _sum_up(report, history)
    report.seconds = round(time.monotonic() - began, 1)
    return report


def _strike_all(
    plan: Plan,
    cluster: Cluster,
    journals: Journals,
    effects: list[Effect],
    tell: Callable[[Effect], None],
) -> list[Anomaly]:
    """Let the plan's faults happen while there is time, or those up to the first not to heal."""
    dice = random.Random(plan.seed)
    start = time.monotonic()
    for number in range(plan.faults):
        if plan.most_seconds is not None and time.monotonic() - start > plan.most_seconds:
            break
        kind = FAULTS[plan.kinds[number % len(plan.kinds)]]
        effect = _strike(kind, plan, cluster, journals, dice, start)
        effects.append(effect)
        tell(effect)
        if not effect.is_healed:
            return [Anomaly("apart", f"fault {number}: {effect}")]
    return []


def _strike(
    kind: FaultKind,
    plan: Plan,
    cluster: Cluster,
    journals: Journals,
    dice: random.Random,
    start: float,
) -> Effect:
    """Let one fault happen to whom it may, and watch until all is well again.

    It lasts until enough is seen of it, and then a little; some are over sooner.
    """
    victim = dice.choice(kind.victims(cluster))
    watch = Watch(cluster, journals)
    depth = dice.random()
    lingers = dice.uniform(SHORTEST_SECONDS, LINGER_SECONDS)
    began = time.monotonic()

    def is_over() -> bool:
        watch.look()
        if len(cluster.nodes) == 1:
            return watch.has_effect
        if kind.on_leader:
            return watch.leaders_moved > 0
        if depth < SHORT_ONES:
            return True
        return watch.has_moved if depth > 1 - DEEP_ONES else watch.has_effect

    with kind.strike(victim, cluster, dice):
        _comes_true(is_over, LONGEST_SECONDS)
        time.sleep(lingers)
    healed = time.monotonic()

    def is_whole() -> bool:
        watch.look()
        return cluster.is_whole()

    is_healed = _comes_true(is_whole, plan.patience_seconds)
    whole = time.monotonic()
    is_healed = is_healed and _comes_true(journals.answered(), plan.patience_seconds)
    served = time.monotonic()
    return Effect(
        fault=kind.name,
        victim=victim.name,
        began_seconds=round(began - start, 1),
        lasted_seconds=round(healed - began, 1),
        leaders_moved=watch.leaders_moved,
        smallest_isr=watch.smallest_isr,
        longest_silence_seconds=round(watch.longest_silence, 1),
        whole_after_seconds=round(whole - healed, 1),
        served_after_seconds=round(served - whole, 1),
        clients_died=watch.clients_died,
        is_seen=watch.has_effect,
        is_healed=is_healed,
        events=dict(sorted(watch.events().items())),
    )


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition holds in time."""
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return holds


def _sum_up(report: Report, history: History) -> None:
    report.faults = dict(Counter(effect.fault for effect in report.effects))
    report.without_effect = dict(
        Counter(effect.fault for effect in report.effects if not effect.is_seen)
    )
    report.client_deaths = dict(Counter(how for _, how in history.deaths))
    outcomes = Counter(history.transactions.values())
    report.records = {
        "sent": len(history.sent),
        "acknowledged": len(history.acknowledged),
        "in_the_log": len(history.final),
        "read_meanwhile": sum(len(reads) for reads in history.reads.values()),
        "copied": len(history.copied),
        "offsets_committed": sum(len(each.acknowledged) for each in history.commits.values()),
        **{f"transactions_{outcome}": count for outcome, count in sorted(outcomes.items())},
    }
