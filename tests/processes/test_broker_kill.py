"""kill -9 of the broker under an idempotent producer: what it acknowledged is there once."""

import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.standalone_broker import StandaloneBroker

# Ten rounds are for the release; three are enough to notice.
ROUNDS = int(os.environ.get("TOCSIN_KILL_ROUNDS", "3"))
TOPIC = "raw.killed"
PARTITIONS = 3
RECORDS_PER_ROUND = 3000
SECONDS = 60


class Sender:
    """Sends numbered records without a pause and keeps the numbers that were acknowledged."""

    def __init__(self, address: str) -> None:
        self.sent = 0
        self.acknowledged: list[int] = []
        self.failed: list[str] = []
        self._grew = threading.Condition()
        self._stop = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": address,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "compression.type": "lz4",
                "batch.num.messages": 200,
                "message.timeout.ms": SECONDS * 1000,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_for(self, acknowledged: int) -> None:
        with self._grew:
            arrived = self._grew.wait_for(lambda: len(self.acknowledged) >= acknowledged, SECONDS)
        assert arrived, f"{len(self.acknowledged)} of {acknowledged} acknowledged: {self.failed}"

    def finish(self) -> None:
        self._stop.set()
        self._thread.join(SECONDS)
        assert self._producer.flush(SECONDS) == 0
        assert not self.failed

    def _run(self) -> None:
        while not self._stop.is_set():
            if self.sent - len(self.acknowledged) > 5000:
                self._producer.poll(0.01)
                continue
            number, self.sent = self.sent, self.sent + 1
            self._producer.produce(
                TOPIC,
                b"%d" % number,
                partition=number % PARTITIONS,
                on_delivery=self._delivered,
            )
            self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failed.append(str(error))
            return
        with self._grew:
            self.acknowledged.append(int(message.value() or b"-1"))
            self._grew.notify()


def read_all(address: str) -> list[tuple[int, int]]:
    """Every stored record as (partition, number), in order within each partition."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "check", "check.crcs": True})
    stored = []
    for partition in range(PARTITIONS):
        place = TopicPartition(TOPIC, partition, OFFSET_BEGINNING)
        _, end = consumer.get_watermark_offsets(place, SECONDS)
        consumer.assign([place])
        read = 0
        deadline = time.monotonic() + SECONDS
        while read < end:
            assert time.monotonic() < deadline, f"partition {partition} ends at {end}, {read} came"
            for message in consumer.consume(1000, 0.1):
                assert message.error() is None
                assert message.offset() == read
                stored.append((partition, int(message.value() or b"-1")))
                read += 1
    consumer.close()
    return stored


@pytest.mark.process
@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_acknowledged_records_are_there_exactly_once_after_kills(tmp_path: Path) -> None:
    moment = random.Random(2)
    with StandaloneBroker(tmp_path) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        config = {"segment.bytes": "65536"}
        new = NewTopic(TOPIC, PARTITIONS, 1, config=config)
        admin.create_topics([new])[TOPIC].result(SECONDS)
        sender = Sender(broker.address)

        for kill in range(ROUNDS):
            sender.wait_for(kill * RECORDS_PER_ROUND + moment.randint(1, RECORDS_PER_ROUND))
            broker.kill()
            broker.start()
        sender.wait_for(ROUNDS * RECORDS_PER_ROUND)
        sender.finish()

        stored = read_all(broker.address)
        numbers = Counter(number for _, number in stored)
        assert set(numbers) == set(sender.acknowledged) == set(range(sender.sent))
        assert max(numbers.values()) == 1
        for partition in range(PARTITIONS):
            held = [number for place, number in stored if place == partition]
            assert held == sorted(held)


@pytest.mark.process
def test_an_orderly_stop_leaves_everything_and_says_so(tmp_path: Path) -> None:
    with StandaloneBroker(tmp_path) as broker:
        sender = Sender(broker.address)
        sender.wait_for(500)
        sender.finish()

        code = broker.stop()

        assert code == 0
        assert (tmp_path / "clean-shutdown").exists()
        broker.start()
        assert len(read_all(broker.address)) == sender.sent


@pytest.mark.process
def test_a_second_broker_on_the_same_directory_is_turned_away(tmp_path: Path) -> None:
    with (
        StandaloneBroker(tmp_path),
        pytest.raises(AssertionError, match="did not start"),
        StandaloneBroker(tmp_path),
    ):
        pass
