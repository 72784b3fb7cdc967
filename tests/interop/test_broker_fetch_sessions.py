"""Fetch sessions (KIP-227) as Apache Kafka's own consumer uses them, over a kill of the broker."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.kafka_tools import TOOLS, java
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.peer("kafka"), pytest.mark.timeout(300)]

PARTITIONS = 6
RECORDS = 600
SECONDS = 90
STOP_SECONDS = 15
TELL_OF_SESSIONS = "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.FetchSessionHandler=debug"


class ConsoleConsumer:
    """Kafka's console consumer, which says what becomes of its fetch sessions."""

    def __init__(self, address: str, directory: Path) -> None:
        at = ("--bootstrap-server", address, "--topic", "watched", "--from-beginning")
        command = java(f"{TOOLS}.consumer.ConsoleConsumer", *at)
        self._printed, self._told = directory / "printed", directory / "told"
        with self._printed.open("wb") as printed, self._told.open("wb") as told:
            self._process = subprocess.Popen(
                [command[0], TELL_OF_SESSIONS, *command[1:]], stdout=printed, stderr=told
            )

    def lines(self) -> list[str]:
        return self._printed.read_text().split()

    def sessions(self) -> list[str]:
        """The sessions that it has fetched incrementally in, by id, in order."""
        ids = re.findall(r"incremental fetch \(sessionId=(\d+), ", self._told.read_text())
        return list(dict.fromkeys(ids))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(STOP_SECONDS)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[StandaloneBroker]:
    with StandaloneBroker(tmp_path / "broker") as running:
        admin = AdminClient({"bootstrap.servers": running.address})
        topic = NewTopic("watched", PARTITIONS, 1)
        admin.create_topics([topic])["watched"].result(SECONDS)
        yield running


def produce(address: str, numbers: range) -> list[str]:
    lines = [str(number) for number in numbers]
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5})
    for number in numbers:
        producer.produce("watched", str(number), partition=number % PARTITIONS)
    assert producer.flush(SECONDS) == 0
    return lines


def test_a_session_that_the_broker_forgot_is_begun_anew_without_loss(
    broker: StandaloneBroker, tmp_path: Path
) -> None:
    consumer = ConsoleConsumer(broker.address, tmp_path)
    try:
        before = produce(broker.address, range(RECORDS))
        until(lambda: len(consumer.lines()) >= RECORDS, "everything is printed", seconds=SECONDS)
        assert sorted(consumer.lines()) == sorted(before)
        until(consumer.sessions, "a session is used", seconds=SECONDS)
        first = consumer.sessions()

        broker.kill()
        broker.start()

        after = produce(broker.address, range(RECORDS, 2 * RECORDS))
        wanted = {*before, *after}
        until(lambda: set(consumer.lines()) >= wanted, "nothing is lost", seconds=SECONDS)
        until(lambda: len(consumer.sessions()) > len(first), "another session", seconds=SECONDS)
    finally:
        consumer.stop()
