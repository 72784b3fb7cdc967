"""One run: a cluster at work, faults one after the other, and what the checker says in the end."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka.cimpl import NewTopic

from tests.chaos.checker import Anomaly, check
from tests.chaos.cluster import REPOSITORY, Cluster, Process
from tests.chaos.faults import FAULTS, FaultKind
from tests.chaos.history import History, read_history
from tests.chaos.hosts import hosts
from tests.support.waiting import until

TOPIC = "chaos"
PARTITIONS = 4
PLAIN_PRODUCERS = 2
CONSUMERS = 2
SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 6.0
WHOLE_SECONDS = 120
SERVED_BYTES = 20_000  # of a producer's journal: about 150 records sent and answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run does.

    Attributes:
        transactional: How many of the producers use transactions.
        bug: The name of a bug to seed into every node.
    """

    nodes: int
    faults: int
    seed: int
    transactional: int = 2
    kinds: tuple[str, ...] = tuple(FAULTS)
    bug: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One fault and what was seen of it.

    Attributes:
        leaders_moved: Partitions whose leader was another one at some time during the fault.
        smallest_isr: The fewest in-sync replicas that any partition had meanwhile; -1 if nobody
            answered.
        whole_after_seconds: From healing until every replica was in sync again.
        served_after_seconds: From then until every producer was answered again.
    """

    fault: str
    victim: str
    lasted_seconds: float
    leaders_moved: int
    smallest_isr: int
    whole_after_seconds: float
    served_after_seconds: float


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run found."""

    plan: Plan
    effects: list[Effect] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    anomalies: list[Anomaly] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether the log kept its word."""
        return not self.anomalies


def run(plan: Plan, scratch: Path) -> Report:
    """Carry out a plan; journals and logs of the nodes stay in ``scratch``."""
    dice = random.Random(plan.seed)
    report = Report(plan=plan)
    count = plan.nodes + (plan.nodes > 1)
    with (
        hosts(scratch, count) as machines,
        Cluster(
            machines[: plan.nodes],
            machines[plan.nodes] if plan.nodes > 1 else None,
            bug=plan.bug,
        ) as cluster,
    ):
        copies = min(3, plan.nodes)
        new = NewTopic(
            TOPIC, PARTITIONS, copies, config={"min.insync.replicas": str(copies // 2 + 1)}
        )
        cluster.admin.create_topics([new])[TOPIC].result(30)
        with _clients(plan, cluster.bootstrap, scratch) as journals:
            until(_answered(journals), "all producers are served", seconds=WHOLE_SECONDS)
            for number in range(plan.faults):
                kind = FAULTS[plan.kinds[number % len(plan.kinds)]]
                report.effects.append(_strike(kind, cluster, journals, dice))
        final = scratch / "final.jsonl"
        command = _command("consumer", cluster.bootstrap, final)
        subprocess.run([*command, "--to-end"], check=True, cwd=REPOSITORY)
        history = read_history(
            sorted(scratch.glob("producer-*.jsonl")),
            sorted(scratch.glob("consumer-*.jsonl")),
            final,
        )
    report.faults = dict(Counter(effect.fault for effect in report.effects))
    report.records = _counts(history)
    report.anomalies = check(history)
    return report


def _strike(
    kind: FaultKind, cluster: Cluster, journals: Sequence[Path], dice: random.Random
) -> Effect:
    """Let one fault happen to whom it may, and watch until all is well again."""
    victim: Process = dice.choice(kind.victims(cluster))
    before = {index: one.leader for index, one in cluster.partitions(TOPIC).items()}
    moved: set[int] = set()
    smallest = len(cluster.nodes)
    began = time.monotonic()
    lasts = dice.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)
    with kind.strike(victim, cluster, dice):
        while time.monotonic() - began < lasts:
            now = cluster.partitions(TOPIC)
            moved.update(index for index, one in now.items() if one.leader != before.get(index))
            smallest = min([smallest, *(len(one.isrs) for one in now.values())] if now else [-1])
            time.sleep(0.2)
    healed = time.monotonic()
    until(lambda: cluster.is_whole(TOPIC), f"whole, {kind.name}", seconds=WHOLE_SECONDS)
    whole = time.monotonic()
    until(_answered(journals), f"all are served, {kind.name}", seconds=WHOLE_SECONDS)
    served = time.monotonic()
    return Effect(
        fault=kind.name,
        victim=victim.name,
        lasted_seconds=round(healed - began, 1),
        leaders_moved=len(moved),
        smallest_isr=smallest,
        whole_after_seconds=round(whole - healed, 1),
        served_after_seconds=round(served - whole, 1),
    )


def _answered(journals: Sequence[Path]) -> Callable[[], bool]:
    """Whether every producer has heard of more than it can have had under way."""

    def sizes() -> list[int]:
        return [path.stat().st_size if path.exists() else 0 for path in journals]

    before = sizes()
    return lambda: all(now > then + SERVED_BYTES for then, now in zip(before, sizes(), strict=True))


@contextmanager
def _clients(plan: Plan, bootstrap: str, scratch: Path) -> Iterator[Sequence[Path]]:
    """Producers and consumers at work; the producers finish what they have under way.

    Yields:
        The producers' journals.
    """
    producers, journals = [], []
    for number in range(PLAIN_PRODUCERS + plan.transactional):
        journals.append(scratch / f"producer-{number}.jsonl")
        command = [*_command("producer", bootstrap, journals[-1]), "--number", str(number)]
        if number >= PLAIN_PRODUCERS:
            command.append("--transactional")
        producers.append(subprocess.Popen(command, cwd=REPOSITORY))
    consumers = [
        subprocess.Popen(
            _command("consumer", bootstrap, scratch / f"consumer-{number}.jsonl"), cwd=REPOSITORY
        )
        for number in range(CONSUMERS)
    ]
    try:
        yield journals
    finally:
        _end(producers)
        _end(consumers)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        if status := process.wait(180):
            raise AssertionError(f"a client ended with {status}")


def _command(what: str, bootstrap: str, journal: Path) -> list[str]:
    where = ["--bootstrap", bootstrap, "--topic", TOPIC, "--partitions", str(PARTITIONS)]
    return [sys.executable, "-m", f"tests.chaos.{what}", *where, "--journal", str(journal)]


def _counts(history: History) -> dict[str, int]:
    outcomes = Counter(history.transactions.values())
    return {
        "sent": len(history.sent),
        "acknowledged": len(history.acknowledged),
        "in_the_log": len(history.final),
        "read_meanwhile": sum(len(reads) for reads in history.reads.values()),
        **{f"transactions_{outcome}": count for outcome, count in sorted(outcomes.items())},
    }
