"""Kafka Streams, exactly once: its own smoke test and its word count, while a process is killed.

The smoke test (``StreamsSmokeTest``) generates records, processes them with windows, joins and
suppression, and verifies every result itself. The word count emits every step of every count, so
exactly once means: each word's counts are 1, 2, 3 … with none missing and none twice.
"""

import random
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.judges.java_process import last_words, running
from tests.judges.verdict import Trial, Verdict, tried
from tests.support.maven import fetch
from tests.support.waiting import until

PEER = "kafka-streams"
SMOKE_TEST = "org.apache.kafka.streams.tests.StreamsSmokeTest"
WORD_COUNT = "org.apache.kafka.streams.examples.wordcount.WordCountDemo"
SMOKE_TOPICS = (
    *("data", "echo", "max", "min", "min-suppressed", "min-raw", "dif", "sum"),
    *("sws-raw", "sws-suppressed", "cnt", "avg", "tagg", "fk"),
)
SMOKE_PARTITIONS = 5
INPUT, OUTPUT = "streams-plaintext-input", "streams-wordcount-output"
INPUT_PARTITIONS = 3
WORDS = ("offset", "epoch", "leader", "marker", "batch", "fence", "commit", "abort")
LINES = 1_500
SECONDS = 600


class Story:
    """Streams applications, pointed at one broker; each method is a case."""

    def __init__(self, trial: Trial) -> None:
        self._address = trial.address
        self._scratch = trial.scratch
        self._copies = trial.nodes

    def smoke_test(self) -> None:
        """Two processes, one of them killed -9 and replaced; the driver judges."""
        self._make(SMOKE_TOPICS, SMOKE_PARTITIONS)
        first_log, driver_log = self._log("first"), self._log("driver")
        driver = str(self._settings("driver"))
        with (
            self._smoking("first") as first,
            self._smoking("second"),
            running(SMOKE_TEST, driver, "run", peer=PEER, log=driver_log) as judged,
        ):
            until(lambda: _holds(first_log, "processed"), "the first works", seconds=SECONDS)
            first.kill()
            with self._smoking("third"):
                judged.wait(SECONDS)
        assert judged.returncode == 0, last_words(driver_log)
        assert _holds(driver_log, "SUCCESS"), _complaint(driver_log)

    def word_count(self) -> None:
        """Killed -9 amid its work and started again."""
        self._make((INPUT, OUTPUT), INPUT_PARTITIONS)
        settings, log = str(self._settings("word-count")), self._log("word-count")
        dice = random.Random(1)
        lines = [" ".join(dice.choices(WORDS, k=8)) for _ in range(LINES)]
        wanted = Counter(word for line in lines for word in line.split())

        with running(WORD_COUNT, settings, peer=PEER, log=log) as counting:
            self._produce(lines[: LINES // 2])
            until(self._counted, f"something is counted ({last_words(log)})", seconds=SECONDS)
            counting.kill()
        with running(WORD_COUNT, settings, peer=PEER, log=log):
            self._produce(lines[LINES // 2 :])
            total = sum(wanted.values())
            until(
                lambda: sum(map(len, self._counted().values())) >= total,
                f"every word is counted ({last_words(log)})",
                seconds=SECONDS,
            )

        for word, counts in self._counted().items():
            assert counts == list(range(1, wanted[word] + 1)), f"{word}: {counts[:20]}…"

    def _smoking(self, name: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        settings = str(self._settings(name))
        return running(SMOKE_TEST, settings, "process", peer=PEER, log=self._log(name))

    def _settings(self, name: str) -> Path:
        path = self._scratch / f"{name}.properties"
        path.write_text(
            f"bootstrap.servers={self._address}\nstate.dir={self._scratch / name}\n"
            "processing.guarantee=exactly_once_v2\ncommit.interval.ms=500\n"
            "consumer.session.timeout.ms=10000\n"
        )
        return path

    def _log(self, name: str) -> Path:
        return self._scratch / f"{name}.log"

    def _make(self, topics: Sequence[str], partitions: int) -> None:
        admin = AdminClient({"bootstrap.servers": self._address})
        new = [NewTopic(name, partitions, self._copies) for name in topics]
        for made in admin.create_topics(new).values():
            made.result(SECONDS)

    def _produce(self, lines: Sequence[str]) -> None:
        producer = Producer({"bootstrap.servers": self._address, "enable.idempotence": True})
        for line in lines:
            producer.produce(INPUT, line)
        assert producer.flush(SECONDS) == 0

    def _counted(self) -> Mapping[str, list[int]]:
        """What a reader of committed records sees: every word's counts in their order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._address,
                "group.id": "nobody",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
            }
        )
        consumer.assign(
            [TopicPartition(OUTPUT, n, OFFSET_BEGINNING) for n in range(INPUT_PARTITIONS)]
        )
        counts = defaultdict(list)
        ended = 0
        while ended < INPUT_PARTITIONS:
            for message in consumer.consume(10_000, timeout=1):
                if message.error():
                    ended += 1
                    continue
                word, count = message.key(), message.value()
                assert word is not None
                assert count is not None
                counts[word.decode()].append(int.from_bytes(count, "big"))
        consumer.close()
        return counts


CASES: Mapping[str, Callable[[Story], None]] = {
    "StreamsSmokeTest, exactly_once_v2, a kill -9": Story.smoke_test,
    "WordCountDemo, exactly_once_v2, a kill -9": Story.word_count,
}


def judge(trial: Trial) -> list[Verdict]:
    """Run every case that is wanted."""
    fetch(PEER)
    story = Story(trial)
    return tried({name: partial(CASES[name], story) for name in trial.chosen(CASES)})


def _holds(log: Path, word: str) -> bool:
    return word in log.read_text(errors="replace")


def _complaint(log: Path) -> str:
    """The driver's first line that tells of a failure."""
    lines = log.read_text(errors="replace").splitlines()
    told = [line for line in lines if "fail" in line.lower() or "PROCESSED-" in line]
    return (told or lines or ["it says nothing"])[0]
