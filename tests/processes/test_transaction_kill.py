"""Consume, transform, produce exactly once, while broker and client are killed -9."""

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.standalone_broker import StandaloneBroker

# Thirty kills are for the release; four are enough to notice.
KILLS = int(os.environ.get("TOCSIN_TRANSACTION_KILLS", "4"))
REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE, TARGET = "raw.source", "raw.target"
PARTITIONS = 2
RECORDS_PER_KILL = 200
RECORDS = RECORDS_PER_KILL * KILLS
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
        deadline = time.monotonic() + SECONDS
        wanted = self.copied + records
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


@pytest.mark.process
@pytest.mark.timeout(120 + 60 * KILLS)
def test_every_record_is_copied_exactly_once_over_kills_of_broker_and_client(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    with StandaloneBroker(tmp_path) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        topics = [NewTopic(name, PARTITIONS, 1) for name in (SOURCE, TARGET)]
        for made in admin.create_topics(topics).values():
            made.result(SECONDS)
        copier = Copier(broker.address)
        try:
            for number in range(KILLS):
                first = number * RECORDS_PER_KILL
                fill(broker.address, range(first, first + RECORDS_PER_KILL))
                copier.wait_for_more(chance.randint(1, 60))
                time.sleep(chance.random() / 50)  # anywhere between two commits
                if number % 2:
                    copier.kill_and_start()
                else:
                    broker.kill()
                    broker.start()
            numbers = committed_numbers(broker.address, RECORDS)
        finally:
            copier.kill()

    assert Counter(number for _, number in numbers) == Counter(range(RECORDS))
    for partition in range(PARTITIONS):
        held = [number for place, number in numbers if place == partition]
        assert held == sorted(held)
