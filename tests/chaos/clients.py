"""The clients of a run: producers and consumers, a process each, and their journals."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.cluster import PARTITIONS, REPOSITORY, TOPIC
from tests.chaos.history import History, read_history
from tests.support.waiting import until

CONSUMERS = 2
END_SECONDS = 180
FINAL = "final.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """How many producers of each kind there are.

    Attributes:
        plain: Idempotent, without transactions.
        transactional: One transaction after the other, a quarter of them aborted.
        zombies: Pairs that share a transactional id.
    """

    plain: int = 2
    transactional: int = 2
    zombies: int = 1

    def commands(self, scratch: Path) -> Iterator[tuple[Path, list[str]]]:
        """The journal and the arguments of every producer."""
        kinds = ["producer"] * self.plain + ["transactional"] * self.transactional
        for number, kind in enumerate(kinds + ["zombie"] * self.zombies):
            more = ["--number", str(number)]
            if kind == "transactional":
                more += ["--group", f"{kind}-{number}"]
            module = "zombie" if kind == "zombie" else "producer"
            yield scratch / f"{kind}-{number}.jsonl", [module, *more]


@contextmanager
def at_work(crew: Crew, bootstrap: str, scratch: Path) -> Iterator[Sequence[Path]]:
    """Producers and consumers; in the end the producers finish what they have under way.

    Yields:
        The journals of those producers that are acknowledged something all the time.
    """
    journals, producers, everybody = [], [], []
    for journal, (module, *more) in crew.commands(scratch):
        journal.touch()
        producers.append(_start(module, bootstrap, journal, *more))
        everybody.append(journal)
        if module != "zombie":
            journals.append(journal)
    consumers = [
        _start("consumer", bootstrap, scratch / f"consumer-{number}.jsonl", "--group", str(number))
        for number in range(CONSUMERS)
    ]
    try:
        until(lambda: all(path.stat().st_size for path in everybody), "all clients are at work")
        yield journals
        _end(producers)
        _end(consumers)
    finally:
        for process in producers + consumers:
            process.kill()
            process.wait()


def look_back(crew: Crew, bootstrap: str, scratch: Path) -> History:
    """Read everything once more, and return the whole history."""
    groups = [str(number) for number in range(CONSUMERS)]
    groups += [f"transactional-{crew.plain + number}" for number in range(crew.transactional)]
    final = scratch / FINAL
    reader = _start("consumer", bootstrap, final, "--group", "final", "--to-end", *groups)
    if reader.wait():
        raise AssertionError("the log could not be read to its end")
    clients = [path for path in sorted(scratch.glob("*.jsonl")) if path != final]
    return read_history(clients, final)


def _start(module: str, bootstrap: str, journal: Path, *more: str) -> subprocess.Popen[bytes]:
    where = ["--bootstrap", bootstrap, "--topic", TOPIC, "--partitions", str(PARTITIONS)]
    command = [sys.executable, "-m", f"tests.chaos.{module}", *where, "--journal", str(journal)]
    with journal.with_suffix(".log").open("a") as errors:
        return subprocess.Popen([*command, *more], cwd=REPOSITORY, stderr=errors)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        if status := process.wait(END_SECONDS):
            raise AssertionError(f"a client ended with {status}")
