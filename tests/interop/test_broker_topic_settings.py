"""What topics set, as clients of others see it."""

from collections import Counter
from collections.abc import Iterator

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.kafka_tools import CONSOLE_CONSUMER, TOPICS, run_tool
from tests.support.standalone_broker import StandaloneBroker

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

SECONDS = 60
CODECS = ("gzip", "snappy", "lz4", "zstd", "uncompressed")
RECORDS = 2_000


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.mark.peer("kafka")
def test_kafkas_own_client_reads_what_the_broker_compressed(broker: StandaloneBroker) -> None:
    at = ("--bootstrap-server", broker.address)
    for number, codec in enumerate(CODECS):
        config = ("--config", f"compression.type={codec}", "--partitions", "1")
        run_tool(TOPICS, *at, "--create", "--topic", f"packed.{codec}", *config)
        source = CODECS[number - 1].replace("uncompressed", "none")
        send(broker, f"packed.{codec}", source)

    wanted = ("--include", "packed\\..*", "--from-beginning", "--max-messages")
    read = run_tool(CONSOLE_CONSUMER, *at, *wanted, str(RECORDS * len(CODECS))).split()

    assert Counter(read) == Counter(
        value(codec, number).decode() for codec in CODECS for number in range(RECORDS)
    )


def value(codec: str, number: int) -> bytes:
    return b"%s-%d-%s" % (codec.encode(), number, b"x" * 100)


def send(broker: StandaloneBroker, topic: str, compression: str) -> None:
    producer = Producer(
        {
            "bootstrap.servers": broker.address,
            "compression.type": compression,
            "enable.idempotence": True,
            "linger.ms": 5,
        }
    )
    for number in range(RECORDS):
        producer.produce(topic, value(topic.removeprefix("packed."), number))
    assert producer.flush(SECONDS) == 0


def test_what_flush_ms_acknowledged_early_survives_kill_9(broker: StandaloneBroker) -> None:
    create(broker, "lazy", {"flush.ms": str(24 * 3600 * 1000)})
    send(broker, "lazy", "lz4")

    assert len(read(broker, "lazy", RECORDS)) == RECORDS
    broker.kill()
    broker.start()

    assert read(broker, "lazy", RECORDS) == [value("lazy", number) for number in range(RECORDS)]


def create(broker: StandaloneBroker, topic: str, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(SECONDS)


def read(broker: StandaloneBroker, topic: str, count: int) -> list[bytes | None]:
    """The values of the first records."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "reader"})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found = consumer.consume(count, SECONDS)
    consumer.close()
    return [message.value() for message in found]
