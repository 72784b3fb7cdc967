"""A broker over its disk budget, as librdkafka meets it."""

import threading
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread

SECONDS = 60
BUDGET = 200_000
READERS = "tocsin-sink-clickhouse"


def test_producing_waits_for_readers_and_goes_on_when_they_have_caught_up(tmp_path: Path) -> None:
    settings = BrokerSettings(data_dir=tmp_path, port=0, access=Access.OPEN, disk_budget=BUDGET)
    with BrokerThread(settings) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        small = {"segment.bytes": "20000"}
        admin.create_topics([NewTopic("events.log", 1, 1, config=small)])["events.log"].result(
            SECONDS
        )
        reader = Consumer(
            {
                "bootstrap.servers": broker.address,
                "group.id": READERS,
                "enable.auto.commit": False,
            }
        )
        reader.commit(offsets=[TopicPartition("events.log", 0, 0)], asynchronous=False)
        outcomes: list[KafkaError | None] = []
        refused = threading.Event()

        def on_delivery(error: KafkaError | None, _message: object) -> None:
            outcomes.append(error)
            if error is not None:
                refused.set()

        impatient = Producer(
            {"bootstrap.servers": broker.address, "retries": 0, "linger.ms": 0, "log_level": 0}
        )
        for _ in range(SECONDS * 100):
            impatient.produce("events.log", bytes(5000), on_delivery=on_delivery)
            impatient.flush(SECONDS)
            if refused.wait(0.01):
                break
        error = outcomes[-1]
        assert error is not None
        assert error.code() == KafkaError.KAFKA_STORAGE_ERROR
        shortage = broker.broker.shortage
        assert shortage is not None
        assert "disk budget" in shortage
        low, high = reader.get_watermark_offsets(TopicPartition("events.log", 0), SECONDS)
        assert (low, high) == (0, len(outcomes) - 1), "nothing unread has gone, all is readable"

        patient = Producer({"bootstrap.servers": broker.address, "log_level": 0})
        delivered: list[KafkaError | None] = []
        patient.produce(
            "events.log", b"waits", on_delivery=lambda error, _: delivered.append(error)
        )
        reader.commit(offsets=[TopicPartition("events.log", 0, high)], asynchronous=False)
        patient.flush(SECONDS)

        assert delivered == [None]
        assert reader.get_watermark_offsets(TopicPartition("events.log", 0), SECONDS)[0] > 0
        reader.close()
