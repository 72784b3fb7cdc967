"""What topics set, as clients of others see it."""

from collections import Counter
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

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
