"""kill -9 of every node and of the controller under acks=all: nothing acknowledged is lost."""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, Producer
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.cluster import Cluster

# Three rounds are for the release; one kills everybody once.
ROUNDS = int(os.environ.get("TOCSIN_CLUSTER_ROUNDS", "1"))
TOPIC = "logs"
PARTITIONS = 3
NODES = (1, 2, 3)
RECORDS_PER_KILL = 1000
SECONDS = 90


class Sender:
    """Sends numbered records to all partitions and keeps the numbers that were acknowledged."""

    def __init__(self, bootstrap: str) -> None:
        self.acknowledged: list[int] = []
        self.failed: list[str] = []
        self._sent = 0
        self._grew = threading.Condition()
        self._stopping = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "batch.num.messages": 100,
                "queue.buffering.max.messages": 2000,
                "message.timeout.ms": SECONDS * 1000,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_for_more(self) -> None:
        """Return once that many records more are acknowledged."""
        with self._grew:
            goal = len(self.acknowledged) + RECORDS_PER_KILL
            arrived = self._grew.wait_for(lambda: len(self.acknowledged) >= goal, SECONDS)
        assert arrived, f"{len(self.acknowledged)} of {goal} acknowledged: {self.failed[-3:]}"

    def stop(self) -> None:
        """Send no more, and wait for what is under way."""
        self._stopping.set()
        self._thread.join(SECONDS)
        assert self._producer.flush(SECONDS) == 0

    def _run(self) -> None:
        while not self._stopping.is_set():
            number = self._sent
            try:
                self._producer.produce(
                    TOPIC,
                    b"%d" % number,
                    partition=number % PARTITIONS,
                    on_delivery=self._noting(number),
                )
                self._sent += 1
            except BufferError:
                self._producer.poll(0.05)
            self._producer.poll(0)

    def _noting(self, number: int) -> Callable[[KafkaError | None, Message], None]:
        def note(error: KafkaError | None, _: Message) -> None:
            with self._grew:
                if error is None:
                    self.acknowledged.append(number)
                else:
                    self.failed.append(str(error))
                self._grew.notify_all()

        return note


@pytest.mark.process
@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_while_everybody_is_killed_in_turn(tmp_path: Path) -> None:
    with Cluster(tmp_path) as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
        until(lambda: len(admin.list_topics(timeout=SECONDS).brokers) == len(NODES))
        new = NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=len(NODES))
        admin.create_topics([new])[TOPIC].result(SECONDS)
        until(lambda: {leader for leader, _ in partitions_of(admin)} == set(NODES))
        sender = Sender(cluster.bootstrap)

        for _ in range(ROUNDS):
            for number in NODES:
                sender.wait_for_more()
                cluster.nodes[number].kill()
                sender.wait_for_more()
                cluster.nodes[number].start()
                until(lambda: is_whole(admin))
            cluster.controller.kill()
            cluster.controller.start()
            sender.wait_for_more()
        sender.stop()
        records = [everything(cluster.bootstrap, number) for number in range(PARTITIONS)]
        until(lambda: is_whole(admin))

    read = [number for partition in records for number in partition]
    assert sender.failed == []
    assert set(sender.acknowledged) <= set(read)
    assert len(read) == len(set(read)), "an idempotent producer's record is there twice"
    assert all(partition == sorted(partition) for partition in records)
    for partition in range(PARTITIONS):
        copies = {digest(cluster.data_dir(number) / f"{TOPIC}-{partition}") for number in NODES}
        assert len(copies) == 1, f"the copies of partition {partition} differ"


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the cluster is about to do, for a bounded time."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the cluster did not come to what was waited for"
        time.sleep(0.1)


def is_whole(admin: AdminClient) -> bool:
    """Whether every partition has all of its copies in sync."""
    return [in_sync for _, in_sync in partitions_of(admin)] == [len(NODES)] * PARTITIONS


def partitions_of(admin: AdminClient) -> list[tuple[int, int]]:
    """Leader and number of in-sync replicas of each partition, as some node knows them by now."""
    topic = admin.list_topics(TOPIC, timeout=SECONDS).topics.get(TOPIC)
    found = () if topic is None else topic.partitions.values()
    return [(each.leader, len(each.isrs)) for each in found]


def everything(bootstrap: str, partition: int) -> list[int]:
    """The numbers in a partition, in its order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "never-joined",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    consumer.assign([KafkaPartition(TOPIC, partition, OFFSET_BEGINNING)])
    numbers: list[int] = []
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for message in consumer.consume(1000, 1.0):
            error = message.error()
            if error is None:
                numbers.append(int(message.value() or b""))
            elif error.code() == KafkaError._PARTITION_EOF:
                consumer.close()
                return numbers
    raise AssertionError(f"partition {partition} was not read to its end")


def digest(directory: Path) -> str:
    """What a copy of a partition holds, byte for byte."""
    found = hashlib.sha256()
    for segment in sorted(directory.glob("*.log")):
        found.update(segment.name.encode() + segment.read_bytes())
    return found.hexdigest()
