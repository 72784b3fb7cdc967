"""Transactions through librdkafka (confluent-kafka) and aiokafka."""

import time
from collections.abc import Iterator

import pytest
from aiokafka import (  # type: ignore[import-untyped]
    AIOKafkaConsumer,
    AIOKafkaProducer,
)
from aiokafka import TopicPartition as AioPartition
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.standalone_broker import StandaloneBroker

SECONDS = 60
PARTITIONS = 2


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def topic(broker: StandaloneBroker, request: pytest.FixtureRequest) -> str:
    name = "raw." + "".join(c if c.isalnum() else "-" for c in request.node.name)[:100]
    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(SECONDS)
    return name


def producer(broker: StandaloneBroker, transactional_id: str, timeout_ms: int = 60_000) -> Producer:
    made = Producer(
        {
            "bootstrap.servers": broker.address,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": timeout_ms,
            "log_level": 0,
        }
    )
    made.init_transactions(SECONDS)
    return made


def send(sender: Producer, topic: str, values: list[bytes]) -> None:
    """Send and wait: librdkafka drops what it has not sent when a transaction is aborted."""
    for number, value in enumerate(values):
        sender.produce(topic, value, partition=number % PARTITIONS)
    assert sender.flush(SECONDS) == 0


def read(broker: StandaloneBroker, topic: str, isolation: str) -> list[bytes]:
    """Every value up to the end of each partition as such a consumer sees it."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.address,
            "group.id": "reader",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(topic, one, OFFSET_BEGINNING) for one in range(PARTITIONS)])
    found: list[bytes] = []
    ended: set[int | None] = set()
    deadline = time.monotonic() + SECONDS
    while len(ended) < PARTITIONS:
        assert time.monotonic() < deadline, f"{len(found)} records and ends of {ended}"
        message = consumer.poll(0.5)
        if message is None:
            continue
        error = message.error()
        if error is None:
            found.append(message.value() or b"")
        else:
            assert error.code() == KafkaError._PARTITION_EOF, error
            ended.add(message.partition())
    consumer.close()
    return sorted(found)


def test_only_what_was_committed_is_read(broker: StandaloneBroker, topic: str) -> None:
    sender = producer(broker, topic)
    sent: dict[bool, list[bytes]] = {True: [], False: []}
    for number in range(10):
        values = [b"%d-%d" % (number, each) for each in range(5)]
        committed = number % 2 == 0
        sender.begin_transaction()
        send(sender, topic, values)
        if committed:
            sender.commit_transaction(SECONDS)
        else:
            sender.abort_transaction(SECONDS)
        sent[committed] += values

    assert read(broker, topic, "read_committed") == sorted(sent[True])
    assert read(broker, topic, "read_uncommitted") == sorted(sent[True] + sent[False])


def test_an_open_transaction_holds_readers_of_committed_records_back(
    broker: StandaloneBroker, topic: str
) -> None:
    sender = producer(broker, topic)
    plain = Producer({"bootstrap.servers": broker.address})
    send(plain, topic, [b"before", b"before"])
    sender.begin_transaction()
    send(sender, topic, [b"undecided", b"undecided"])
    send(plain, topic, [b"after", b"after"])

    assert read(broker, topic, "read_committed") == [b"before"] * 2

    sender.commit_transaction(SECONDS)
    everything = [b"after"] * 2 + [b"before"] * 2 + [b"undecided"] * 2
    assert read(broker, topic, "read_committed") == everything


def test_a_zombie_is_fenced_and_what_it_began_is_aborted(
    broker: StandaloneBroker, topic: str
) -> None:
    zombie = producer(broker, topic)
    zombie.begin_transaction()
    send(zombie, topic, [b"of the zombie"])

    successor = producer(broker, topic)
    with pytest.raises(KafkaException) as refused:
        zombie.commit_transaction(SECONDS)

    assert refused.value.args[0].code() == KafkaError._FENCED
    successor.begin_transaction()
    send(successor, topic, [b"of its successor"])
    successor.commit_transaction(SECONDS)
    assert read(broker, topic, "read_committed") == [b"of its successor"]


def test_a_transaction_that_takes_too_long_is_aborted(broker: StandaloneBroker, topic: str) -> None:
    sender = producer(broker, topic, timeout_ms=1000)
    sender.begin_transaction()
    send(sender, topic, [b"too late", b"too late"])
    send(Producer({"bootstrap.servers": broker.address}), topic, [b"plain", b"plain"])

    deadline = time.monotonic() + SECONDS
    while read(broker, topic, "read_committed") != [b"plain"] * 2:
        assert time.monotonic() < deadline
    with pytest.raises(KafkaException):
        sender.commit_transaction(SECONDS)


@pytest.mark.parametrize("committed", [True, False])
def test_offsets_are_committed_with_the_transaction(
    broker: StandaloneBroker, topic: str, committed: bool
) -> None:
    send(Producer({"bootstrap.servers": broker.address}), topic, [b"in"] * 6)
    consumer = Consumer(
        {
            "bootstrap.servers": broker.address,
            "group.id": f"copies-{topic}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    taken = 0
    deadline = time.monotonic() + SECONDS
    while taken < 6:
        assert time.monotonic() < deadline
        taken += len(consumer.consume(6, 0.5))
    sender = producer(broker, topic)
    places = consumer.position(consumer.assignment())

    sender.begin_transaction()
    sender.send_offsets_to_transaction(places, consumer.consumer_group_metadata(), SECONDS)
    if committed:
        sender.commit_transaction(SECONDS)
    else:
        sender.abort_transaction(SECONDS)

    stored = consumer.committed(consumer.assignment(), SECONDS)
    consumer.close()
    assert sum(max(0, place.offset) for place in stored) == (6 if committed else 0)


async def test_aiokafka_commits_and_aborts(broker: StandaloneBroker, topic: str) -> None:
    sender = AIOKafkaProducer(bootstrap_servers=broker.address, transactional_id=topic)
    await sender.start()
    for number in range(4):
        await sender.begin_transaction()
        await sender.send_and_wait(topic, b"%d" % number, partition=0)
        await (sender.commit_transaction if number % 2 else sender.abort_transaction)()
    await sender.stop()

    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker.address, isolation_level="read_committed", group_id=None
    )
    await consumer.start()
    place = AioPartition(topic, 0)
    consumer.assign([place])
    await consumer.seek_to_beginning(place)
    found = [(await consumer.getone()).value for _ in range(2)]
    end = await consumer.end_offsets([place])
    await consumer.stop()

    assert found == [b"1", b"3"]
    assert end[place] == 8, "four records and four markers"
