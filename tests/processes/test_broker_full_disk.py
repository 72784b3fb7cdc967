"""A broker on a disk that fills up: it refuses, is read from, and goes on when there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread

SECONDS = 60
DISK_BYTES = 4 << 20
FILLED_BYTES = 2 << 20
Configuration = dict[str, str | int | float | bool]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB, half of it taken by a file called ``filler``."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only, and not in every container")
    try:
        (disk / "filler").write_bytes(bytes(FILLED_BYTES))
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_is_refused_read_from_and_left_behind(small_disk: Path) -> None:
    settings = BrokerSettings(data_dir=small_disk / "data", port=0, access=Access.OPEN)
    with BrokerThread(settings) as broker:
        at: Configuration = {"bootstrap.servers": broker.address, "log_level": 0}
        admin = AdminClient(at)
        admin.create_topics([NewTopic("events.log", 1, 1)])["events.log"].result(SECONDS)
        kept, refusal = fill(Producer({**at, "retries": 0, "linger.ms": 0}))

        assert refusal == KafkaError.KAFKA_STORAGE_ERROR
        assert kept > 10
        assert broker.broker.failure is None, "a full disk is no failed one"
        shortage = broker.broker.shortage
        assert shortage is not None
        assert "disk is full" in shortage
        assert read(at) == kept
        (small_disk / "filler").unlink()
        delivered: list[KafkaError | None] = []
        producer = Producer(at)
        producer.produce(
            "events.log", b"room again", on_delivery=lambda *it: delivered.append(it[0])
        )
        producer.flush(SECONDS)
        assert delivered == [None]
        assert broker.broker.shortage is None
        assert read(at) == kept + 1


def fill(producer: Producer) -> tuple[int, int | None]:
    """Produce until a record is refused; how many were kept, and the code."""
    outcomes: list[KafkaError | None] = []
    for _ in range(DISK_BYTES // 10_000):
        producer.produce(
            "events.log", os.urandom(50_000), on_delivery=lambda *it: outcomes.append(it[0])
        )
        producer.flush(SECONDS)
        error = outcomes[-1]
        if error is not None:
            return len(outcomes) - 1, error.code()
    return len(outcomes), None


def read(at: Configuration) -> int:
    """How many records there are, each fetched."""
    consumer = Consumer({**at, "group.id": "readers", "enable.auto.commit": False})
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition("events.log", 0), SECONDS)
        consumer.assign([TopicPartition("events.log", 0, low)])
        found = 0
        while found < high - low:
            message = consumer.poll(SECONDS)
            assert message is not None
            assert message.error() is None
            found += 1
    finally:
        consumer.close()
    return found
