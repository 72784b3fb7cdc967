"""What topics set, as clients of others see it."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined] # re-exported without __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from broker_core.settings import Access, BrokerSettings, LogSettings
from tests.support.broker_thread import BrokerThread
from tests.support.kafka_tools import CONSOLE_CONSUMER, TOPICS, run_tool
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

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


def create(broker: StandaloneBroker | BrokerThread, topic: str, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(topic, 1, 1, config=config)])[topic].result(SECONDS)


def alter(broker: BrokerThread, topic: str, config: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": broker.address})
    entries = [
        ConfigEntry(name, text, incremental_operation=AlterConfigOpType.SET)
        for name, text in config.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin.incremental_alter_configs([resource])[resource].result(SECONDS)


def read(
    broker: StandaloneBroker | BrokerThread, topic: str, count: int | None = None
) -> list[bytes | None]:
    """The values of the first records, or of all there are."""
    return [message.value() for message in messages(broker, topic, count)]


def messages(
    broker: StandaloneBroker | BrokerThread, topic: str, count: int | None = None
) -> list[Message]:
    consumer = Consumer(
        {"bootstrap.servers": broker.address, "group.id": "reader", "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found: list[Message] = []
    deadline = time.monotonic() + SECONDS
    while count is None or len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} records"
        message = consumer.poll(1)
        error = None if message is None else message.error()
        if error is not None and error.code() == KafkaError._PARTITION_EOF and count is None:
            break
        if message is not None and error is None:
            found.append(message)
    consumer.close()
    return found


# -- on a broker whose cleaner comes round several times a second


@pytest.fixture(scope="module")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerThread]:
    settings = BrokerSettings(
        data_dir=tmp_path_factory.mktemp("brisk"),
        port=0,
        access=Access.OPEN,
        log=LogSettings(retention_interval=timedelta(milliseconds=100)),
    )
    with BrokerThread(settings) as running:
        yield running


def produce(
    broker: BrokerThread,
    topic: str,
    *records: tuple[str | None, bytes | None],
    timestamp: int = 0,
) -> list[KafkaError | None]:
    """Send one batch for each record; what became of them."""
    producer = Producer({"bootstrap.servers": broker.address, "message.max.bytes": 10_000_000})
    outcomes: list[KafkaError | None] = []
    for key, content in records:
        producer.produce(
            topic,
            content,
            key,
            timestamp=timestamp,
            on_delivery=lambda error, _: outcomes.append(error),
        )
        assert producer.flush(SECONDS) == 0
    return outcomes


def span(broker: BrokerThread, topic: str) -> tuple[int, int]:
    """The first offset and the end."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "reader"})
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), SECONDS)
    consumer.close()
    return low, high


def segments(broker: BrokerThread, topic: str) -> int:
    log = broker.broker._logs.get(topic, 0)
    assert log is not None
    return len(log.segments)


def test_retention_ms_and_segment_ms_let_old_records_go(brisk: BrokerThread) -> None:
    create(brisk, "aged", {})
    produce(brisk, "aged", *[(None, b"%d" % number) for number in range(5)])
    assert span(brisk, "aged") == (0, 5)

    alter(brisk, "aged", {"retention.ms": "1", "segment.ms": "1"})

    until(lambda: span(brisk, "aged") == (5, 5), "everything is gone")


def test_retention_bytes_and_segment_bytes_bound_a_partition(brisk: BrokerThread) -> None:
    create(brisk, "sized", {"segment.bytes": "2000"})
    produce(brisk, "sized", *[(None, bytes(500)) for _ in range(20)])
    assert segments(brisk, "sized") >= 5
    assert span(brisk, "sized") == (0, 20)

    alter(brisk, "sized", {"retention.bytes": "3000"})

    until(lambda: span(brisk, "sized")[0] >= 14, "the oldest segments are gone")
    assert len(read(brisk, "sized")) <= 6


def test_compact_delete_keeps_the_last_of_each_key_and_not_for_ever(brisk: BrokerThread) -> None:
    create(brisk, "both", {"cleanup.policy": "compact,delete", "segment.ms": "1"})
    produce(brisk, "both", *[(f"key {number % 2}", b"%d" % number) for number in range(10)])

    until(lambda: read(brisk, "both") == [b"8", b"9"], "older values are compacted away")
    assert produce(brisk, "both", (None, b"no key"))[0] is not None
    alter(brisk, "both", {"retention.ms": "1"})

    until(lambda: read(brisk, "both") == [], "the last values are too old")


def test_min_compaction_lag_ms_and_delete_retention_ms_hold_compaction_back(
    brisk: BrokerThread,
) -> None:
    config = {
        "cleanup.policy": "compact",
        "segment.ms": "1",
        "min.compaction.lag.ms": "3600000",
    }
    create(brisk, "lagging", config)
    produce(brisk, "lagging", ("a", b"1"), ("b", b"1"), ("a", None), ("c", b"1"))
    until(lambda: segments(brisk, "lagging") > 1, "sealed")
    assert read(brisk, "lagging") == [b"1", b"1", None, b"1"]

    alter(brisk, "lagging", {"min.compaction.lag.ms": "0"})
    until(lambda: read(brisk, "lagging") == [b"1", None, b"1"], "a's value is gone")

    alter(brisk, "lagging", {"delete.retention.ms": "0"})
    produce(brisk, "lagging", ("b", b"2" * 500), ("c", b"2"))
    until(lambda: read(brisk, "lagging") == [b"2" * 500, b"2"], "and its tombstone")


def test_max_message_bytes_is_what_a_topic_takes(brisk: BrokerThread) -> None:
    create(brisk, "small", {"max.message.bytes": "1000"})
    [refused] = produce(brisk, "small", (None, bytes(2000)))
    alter(brisk, "small", {"max.message.bytes": "3000"})
    [taken] = produce(brisk, "small", (None, bytes(2000)))

    assert refused is not None
    assert refused.code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert taken is None


def test_message_timestamp_type_says_whose_clock_counts(brisk: BrokerThread) -> None:
    create(brisk, "stamped", {"message.timestamp.type": "LogAppendTime"})
    before_ms = int(time.time() * 1000)
    produce(brisk, "stamped", (None, b"a"), timestamp=1_000)
    alter(brisk, "stamped", {"message.timestamp.type": "CreateTime"})
    produce(brisk, "stamped", (None, b"b"), timestamp=1_000)

    ours, theirs = (message.timestamp() for message in messages(brisk, "stamped", 2))

    assert ours[0] == TIMESTAMP_LOG_APPEND_TIME
    assert before_ms <= ours[1] <= int(time.time() * 1000)
    assert theirs == (TIMESTAMP_CREATE_TIME, 1_000)


def test_compression_type_keeps_the_time_that_counts(brisk: BrokerThread) -> None:
    config = {"compression.type": "gzip", "message.timestamp.type": "LogAppendTime"}
    create(brisk, "both.stamped", config)
    produce(brisk, "both.stamped", (None, b"a"), timestamp=1_000)
    alter(brisk, "both.stamped", {"message.timestamp.type": "CreateTime"})
    produce(brisk, "both.stamped", (None, b"b"), timestamp=1_000)

    ours, theirs = (message.timestamp() for message in messages(brisk, "both.stamped", 2))

    assert ours[0] == TIMESTAMP_LOG_APPEND_TIME
    assert ours[1] > 1_000
    assert theirs == (TIMESTAMP_CREATE_TIME, 1_000)
