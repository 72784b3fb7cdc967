"""The clients of a run: producers and consumers, a process each, and their journals.

librdkafka has ways to come to an end by itself: it aborts where the connection to a coordinator
breaks at the wrong time (an assertion, ``eonce->refcnt > 0``: its pull request 5397), and waits for
ever for a coordinator that is gone (its issues 5456 and 5511). Such a process is replaced, and its
journal says what became of it: that is the client's fault, and nothing that the log promised.
"""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.cluster import COPY, PARTITIONS, REPOSITORY, TOPIC
from tests.chaos.history import COPIER, History, Journal, read_history
from tests.support.waiting import until

CONSUMERS = 2
END_SECONDS = 180
TEND_SECONDS = 0.5
FINAL = "final.jsonl"
COPIED = "copied.jsonl"
DEATHS = {-signal.SIGABRT: "aborted", -signal.SIGALRM: "hung"}  # of a client library's own doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """How many producers of each kind there are.

    Attributes:
        plain: Idempotent, without transactions.
        transactional: One transaction after the other, a quarter of them aborted.
        zombies: Pairs that share a transactional id.
        with_copier: Whether one copies all of it to another topic, exactly once.
    """

    plain: int = 2
    transactional: int = 2
    zombies: int = 1
    with_copier: bool = False

    def commands(self, scratch: Path) -> Iterator[tuple[Path, list[str]]]:
        """The journal, the module and the arguments of everybody who writes."""
        kinds = ["producer"] * self.plain + ["transactional"] * self.transactional
        kinds += ["zombie"] * self.zombies + [COPIER] * self.with_copier
        for number, kind in enumerate(kinds):
            more = ["--number", str(number)]
            if kind == "transactional":
                more += ["--group", f"{kind}-{number}"]
            if kind == COPIER:
                more += ["--group", COPIER, "--target", COPY]
            module = "producer" if kind == "transactional" else kind
            yield scratch / f"{kind}-{number}.jsonl", [module, *more]


class Client:
    """One client: a process, and another one in its place where its library brings it to an end.

    Args:
        journal: Where every process of it adds what happened.
        is_replaced: Whether one in its place can go on.
    """

    def __init__(
        self,
        module: str,
        bootstrap: str,
        journal: Path,
        *more: str,
        topic: str = TOPIC,
        is_replaced: bool = False,
    ) -> None:
        where = ["--bootstrap", bootstrap, "--topic", topic, "--partitions", str(PARTITIONS)]
        self._command = [sys.executable, "-m", f"tests.chaos.{module}", *where]
        self._command += ["--journal", str(journal), *more]
        self._journal = journal
        self._is_replaced = is_replaced
        self._lives = 0
        self._process = self._start()

    @property
    def pid(self) -> int:
        """Its process id, another one after each death."""
        return self._process.pid

    def tend(self) -> None:
        """Put another process in the place of one that died."""
        if self._is_replaced and self._note_death(self._process.poll()):
            self._lives += 1
            self._process = self._start("--life", str(self._lives))

    def ask_to_end(self) -> None:
        """SIGTERM: it finishes what it has under way."""
        self._process.send_signal(signal.SIGTERM)

    def await_end(self, seconds: float | None = END_SECONDS) -> None:
        """Return once it has ended.

        Raises:
            AssertionError: It did not end well.
        """
        status = self._process.wait(seconds)
        if status and not (self._is_replaced and self._note_death(status)):
            raise AssertionError(f"{self._journal.stem} ended with {status}")

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        self._process.kill()
        self._process.wait()

    def _start(self, *more: str) -> subprocess.Popen[bytes]:
        with self._journal.with_suffix(".log").open("a") as errors:
            return subprocess.Popen([*self._command, *more], cwd=REPOSITORY, stderr=errors)

    def _note_death(self, status: int | None) -> bool:
        """Whether a client's library brought it to an end."""
        if status not in DEATHS:
            return False
        with Journal(self._journal) as journal:
            journal.note("died", how=DEATHS[status])
        return True


@contextmanager
def at_work(crew: Crew, bootstrap: str, scratch: Path) -> Iterator[Sequence[Path]]:
    """Producers and consumers; in the end they finish what they have under way.

    Yields:
        The journals of those producers that are acknowledged something all the time.
    """
    journals, producers, everybody = [], [], []
    for journal, (module, *more) in crew.commands(scratch):
        journal.touch()
        producers.append(Client(module, bootstrap, journal, *more, is_replaced=True))
        if module != COPIER:
            everybody.append(journal)
        if module == "producer":
            journals.append(journal)
    consumers = [
        Client("consumer", bootstrap, scratch / f"consumer-{number}.jsonl", "--group", str(number))
        for number in range(CONSUMERS)
    ]
    try:
        with _tended(producers):
            until(lambda: all(path.stat().st_size for path in everybody), "all clients are at work")
            yield journals
        _end(producers)
        _end(consumers)
    finally:
        for client in producers + consumers:
            client.kill()


@contextmanager
def _tended(clients: Sequence[Client]) -> Iterator[None]:
    """Have a thread replace those that die."""
    is_over = threading.Event()

    def tend() -> None:
        while not is_over.wait(TEND_SECONDS):
            for client in clients:
                client.tend()

    thread = threading.Thread(target=tend, name="tend")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def look_back(crew: Crew, bootstrap: str, scratch: Path) -> History:
    """Read everything once more, and return the whole history."""
    groups = [str(number) for number in range(CONSUMERS)]
    groups += [f"transactional-{crew.plain + number}" for number in range(crew.transactional)]
    final = scratch / FINAL
    copied = scratch / COPIED
    look = ["--group", "final", "--to-end"]
    for reader in (
        Client("consumer", bootstrap, final, *look, *groups, COPIER),
        Client("consumer", bootstrap, copied, *look, topic=COPY),
    ):
        reader.await_end(None)
    clients = [path for path in sorted(scratch.glob("*.jsonl")) if path not in (final, copied)]
    return read_history(clients, final, copied)


def _end(clients: Sequence[Client]) -> None:
    for client in clients:
        client.ask_to_end()
    for client in clients:
        client.await_end()
