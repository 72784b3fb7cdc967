"""Records that are copied in transactions, whatever is killed: filled in, copied, and read back.

The copying itself is a process of its own, ``tests.support.copier``.
"""

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE, TARGET = "raw.source", "raw.target"
PARTITIONS = 2
SECONDS = 120


class Copier:
    """A process that copies records in transactions and prints how many it has copied."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.copied = 0
        self._grew = threading.Condition()
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.copier", self._address, SOURCE, TARGET],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=[self._process], daemon=True)
        self._reader.start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with self._grew:
                    self.copied += int(line)
                    self._grew.notify()

    def wait_for_more(self, records: int) -> None:
        """Until so many more records were copied; a process that gave up is started again."""
        self.wait_for(self.copied + records)

    def wait_for(self, wanted: int) -> None:
        """Until so many records were copied in all."""
        deadline = time.monotonic() + SECONDS
        while self.copied < wanted:
            assert time.monotonic() < deadline, f"{self.copied} of {wanted} records were copied"
            if self._process.poll() is not None:
                self.kill()
                self._start()
            with self._grew:
                self._grew.wait(0.2)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(SECONDS)
        self._reader.join(SECONDS)

    def kill_and_start(self) -> None:
        self.kill()
        self._start()


def fill(address: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": address, "enable.idempotence": True})
    for number in numbers:
        producer.produce(SOURCE, b"%d" % number, partition=number % PARTITIONS)
    assert producer.flush(SECONDS) == 0


def committed_numbers(address: str, count: int) -> list[tuple[int, int]]:
    """(partition, number) of what a reader of committed records gets, until nothing is missing."""
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "check",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(TARGET, one, OFFSET_BEGINNING) for one in range(PARTITIONS)])
    found: list[tuple[int, int]] = []
    ended: set[int | None] = set()
    deadline = time.monotonic() + SECONDS
    while len(found) < count or len(ended) < PARTITIONS:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records"
        message = consumer.poll(0.2)
        if message is None:
            continue
        error = message.error()
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            ended.add(message.partition())
            continue
        ended.discard(message.partition())
        found.append((message.partition() or 0, int(message.value() or b"-1")))
    consumer.close()
    return found


def assert_copied_once(numbers: list[tuple[int, int]], count: int) -> None:
    """Fail unless each number from 0 is there once, and those of a partition in order.

    Args:
        numbers: As :func:`committed_numbers` returns them.
        count: How many there must be.
    """
    assert Counter(number for _, number in numbers) == Counter(range(count))
    for partition in range(PARTITIONS):
        held = [number for place, number in numbers if place == partition]
        assert held == sorted(held)
