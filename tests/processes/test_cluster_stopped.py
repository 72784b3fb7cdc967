"""A node that is stopped (SIGSTOP) past its session, and goes on as if nothing had been."""

import contextlib
import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.cluster import Cluster
from tests.support.waiting import until

TOPIC = "logs"
SECONDS = 90
CLIENT = {"log_level": 0, "socket.timeout.ms": 5000, "reconnect.backoff.max.ms": 200}


class Client:
    """Sends numbered records, and sees who leads."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, **CLIENT})
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": SECONDS * 1000,
                **CLIENT,
            }
        )
        self.sent = 0

    def create(self) -> None:
        until(lambda: len(self._admin.list_topics(timeout=SECONDS).brokers) == 3, "three nodes")
        new = NewTopic(TOPIC, 1, 3, config={"min.insync.replicas": "2"})
        self._admin.create_topics([new])[TOPIC].result(SECONDS)

    def send(self, count: int) -> None:
        """Return once all of them are acknowledged."""
        failed: list[str] = []

        def note(error: KafkaError | None, _: Message) -> None:
            failed.extend([str(error)] if error else [])

        for _ in range(count):
            self._producer.produce(TOPIC, b"%d" % self.sent, partition=0, on_delivery=note)
            self.sent += 1
        assert self._producer.flush(SECONDS) == 0
        assert not failed

    def leader(self) -> int:
        return self._partition()[0]

    def in_sync(self) -> int:
        return self._partition()[1]

    def _partition(self) -> tuple[int, int]:
        """Leader and number of in-sync replicas; nobody and none where a stopped node was asked."""
        with contextlib.suppress(KafkaException):
            partition = self._admin.list_topics(TOPIC, timeout=5).topics[TOPIC].partitions[0]
            return partition.leader, len(partition.isrs)
        return -1, 0

    def numbers(self) -> list[int]:
        """Every number in the partition, in its order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "never-joined",
                "enable.auto.commit": False,
                **CLIENT,
            }
        )
        consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
        read: list[int] = []

        def has_all() -> bool:
            read.extend(int(each.value() or b"-1") for each in consumer.consume(1000, 1.0))
            return len(read) >= self.sent

        until(has_all, "every record")
        consumer.close()
        return read


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does not run meanwhile, and does not know it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def digest(partition: Path) -> str:
    files = sorted(partition.glob("*.log"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@pytest.mark.process
@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_stopped_node_is_left_out_and_comes_back_with_the_same_log(
    tmp_path: Path, who: str
) -> None:
    with Cluster(tmp_path) as cluster:
        client = Client(cluster.bootstrap)
        client.create()
        client.send(300)
        first = client.leader()
        victim = first if who == "leader" else next(each for each in cluster.nodes if each != first)

        with stopped(cluster.nodes[victim].pid):
            until(lambda: client.in_sync() == 2, "an in-sync set without the stopped node")
            until(lambda: client.leader() not in (-1, *[victim][: who == "leader"]), "a leader")
            client.send(300)
        until(lambda: client.in_sync() == 3, "the stopped node in sync again")
        client.send(300)

        assert client.numbers() == list(range(900))
    assert len({digest(cluster.data_dir(number) / f"{TOPIC}-0") for number in cluster.nodes}) == 1
