"""broker_core and librdkafka, through confluent-kafka."""

import time
from collections.abc import Iterator
from typing import Any

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
from confluent_kafka.admin import (  # type: ignore[attr-defined] # re-exported without __all__
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from tests.support.standalone_broker import StandaloneBroker

SECONDS = 60


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def admin(broker: StandaloneBroker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.address})


@pytest.fixture
def topic(admin: AdminClient, request: pytest.FixtureRequest) -> str:
    name = "raw." + "".join(c if c.isalnum() else "-" for c in request.node.name)[:100]
    admin.create_topics([NewTopic(name, 3, 1)])[name].result(SECONDS)
    return name


def produce(
    broker: StandaloneBroker, topic: str, values: list[bytes], **config: object
) -> list[tuple[int, int]]:
    """Send the values; return (partition, offset) of each as acknowledged, if it is."""
    acknowledged: list[tuple[int, int]] = []

    def on_delivery(error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        partition, offset = message.partition(), message.offset()
        if partition is not None and offset is not None:
            acknowledged.append((partition, offset))

    producer = Producer(
        {"bootstrap.servers": broker.address, "linger.ms": 5, "acks": "all", **config}
    )
    for value in values:
        producer.produce(topic, value, on_delivery=on_delivery)
        producer.poll(0)
    assert producer.flush(SECONDS) == 0
    return acknowledged


def consume(broker: StandaloneBroker, topic: str, count: int, **config: str) -> list[Message]:
    """Read from the beginning of all partitions, without a group's help."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "reader", **config})
    try:
        partitions = consumer.list_topics(topic, SECONDS).topics[topic].partitions
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in partitions])
        return gather(consumer, count)
    finally:
        consumer.close()


def gather(consumer: Consumer, count: int) -> list[Message]:
    messages: list[Message] = []
    deadline = time.monotonic() + SECONDS
    while len(messages) < count and time.monotonic() < deadline:
        for message in consumer.consume(count, 0.2):
            assert message.error() is None, message.error()
            messages.append(message)
    return messages


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("idempotent", [False, True])
def test_everything_produced_is_consumed_in_order(
    broker: StandaloneBroker, topic: str, compression: str, idempotent: bool
) -> None:
    values = [b"%06d" % number * 20 for number in range(5000)]

    acknowledged = produce(
        broker,
        topic,
        values,
        **{"compression.type": compression, "enable.idempotence": idempotent},
    )

    messages = consume(broker, topic, len(values), **{"check.crcs": "true"})
    assert sorted(acknowledged) == sorted((m.partition(), m.offset()) for m in messages)
    assert sorted(m.value() or b"" for m in messages) == values
    for partition in range(3):
        held = [message for message in messages if message.partition() == partition]
        assert [message.offset() for message in held] == list(range(len(held)))
        assert [m.value() for m in held] == sorted(m.value() or b"" for m in held)


@pytest.mark.parametrize("acks", [0, 1, -1])
def test_every_kind_of_acknowledgement(broker: StandaloneBroker, topic: str, acks: int) -> None:
    produce(broker, topic, [b"x"] * 100, acks=acks)

    assert len(consume(broker, topic, 100)) == 100


def test_keys_headers_and_timestamps_come_back(broker: StandaloneBroker, topic: str) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(
        topic, b"v", key=b"k", headers=[("a", b"1"), ("b", None)], timestamp=1_700_000_000_123
    )
    producer.flush(SECONDS)

    (message,) = consume(broker, topic, 1)

    assert (message.key(), message.value()) == (b"k", b"v")
    assert message.headers() == [("a", b"1"), ("b", None)]
    assert message.timestamp()[1] == 1_700_000_000_123


def test_a_batch_over_the_topics_limit_is_refused(
    broker: StandaloneBroker, admin: AdminClient
) -> None:
    small = NewTopic("raw.small", 1, 1, config={"max.message.bytes": "1000"})
    admin.create_topics([small])["raw.small"].result(SECONDS)
    errors: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": broker.address})

    producer.produce("raw.small", b"x" * 2000, on_delivery=lambda error, _: errors.append(error))
    producer.flush(SECONDS)

    assert [error.code() for error in errors if error] == [KafkaError.MSG_SIZE_TOO_LARGE]


def test_offsets_by_time(broker: StandaloneBroker, admin: AdminClient, topic: str) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for number in range(10):
        producer.produce(topic, b"x", partition=0, timestamp=1_700_000_000_000 + number * 1000)
        producer.flush(SECONDS)
    partition = TopicPartition(topic, 0)

    def offset(spec: Any) -> int:
        return int(admin.list_offsets({partition: spec})[partition].result(SECONDS).offset)

    spec: Any = OffsetSpec
    assert offset(spec.earliest()) == 0
    assert offset(spec.latest()) == 10
    assert offset(spec.max_timestamp()) == 9
    assert offset(spec.for_timestamp(1_700_000_004_500)) == 5
    assert offset(spec.for_timestamp(1_700_000_004_000)) == 4
    assert offset(spec.for_timestamp(1_800_000_000_000)) == -1


def test_topics_are_made_described_grown_altered_and_deleted(admin: AdminClient) -> None:
    name = "raw.lifecycle"
    made = NewTopic(name, 2, 1, config={"retention.ms": "1000"})
    resource = ConfigResource(ResourceType.TOPIC, name)

    admin.create_topics([made])[name].result(SECONDS)
    admin.create_partitions([NewPartitions(name, 5)])[name].result(SECONDS)
    change = ConfigEntry("segment.bytes", "65536", incremental_operation=AlterConfigOpType.SET)
    altered = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[change])
    admin.incremental_alter_configs([altered])[altered].result(SECONDS)

    described = admin.describe_configs([resource])[resource].result(SECONDS)
    assert described["retention.ms"].value == "1000"
    assert described["segment.bytes"].value == "65536"
    assert not described["segment.bytes"].is_default
    assert described["cleanup.policy"].is_default
    assert len(admin.list_topics(name, SECONDS).topics[name].partitions) == 5
    admin.delete_topics([name])[name].result(SECONDS)
    assert name not in admin.list_topics(timeout=SECONDS).topics


def test_what_cannot_be_made_is_refused_with_its_reason(admin: AdminClient, topic: str) -> None:
    refused = {
        topic: (NewTopic(topic, 1, 1), KafkaError.TOPIC_ALREADY_EXISTS),
        "raw.copies": (NewTopic("raw.copies", 1, 3), KafkaError.INVALID_REPLICATION_FACTOR),
        "raw/slash": (NewTopic("raw/slash", 1, 1), KafkaError.TOPIC_EXCEPTION),
        "__own": (NewTopic("__own", 1, 1), KafkaError.TOPIC_EXCEPTION),
        "raw.bad": (
            NewTopic("raw.bad", 1, 1, config={"retention.ms": "soon"}),
            KafkaError.INVALID_CONFIG,
        ),
    }
    for name, (wanted, code) in refused.items():
        with pytest.raises(KafkaException) as raised:
            admin.create_topics([wanted])[name].result(SECONDS)
        assert raised.value.args[0].code() == code


def test_deleted_records_are_gone_and_the_rest_stays(
    broker: StandaloneBroker, admin: AdminClient, topic: str
) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for number in range(10):
        producer.produce(topic, b"%d" % number, partition=1)
        producer.flush(SECONDS)
    before = TopicPartition(topic, 1, 7)

    result = admin.delete_records([before])[before].result(SECONDS)

    assert result.low_watermark == 7
    assert [m.value() for m in consume(broker, topic, 3)] == [b"7", b"8", b"9"]


def test_a_consumer_waits_for_what_comes_later(broker: StandaloneBroker, topic: str) -> None:
    patient = {"fetch.wait.max.ms": 60_000}  # asked again sooner, it would prove nothing
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "late", **patient})
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert consumer.poll(0.5) is None

    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 0})
    producer.produce(topic, b"now", partition=0)
    producer.flush(SECONDS)
    message = consumer.poll(SECONDS / 2)

    assert message is not None, "the fetch was not answered before its time was over"
    assert message.value() == b"now"
    consumer.close()


def test_the_cluster_is_described(broker: StandaloneBroker, admin: AdminClient) -> None:
    cluster = admin.describe_cluster().result(SECONDS)

    assert len(cluster.cluster_id) == 22
    assert [f"{node.host}:{node.port}" for node in cluster.nodes] == [broker.address]
