"""Consumer groups on broker_core, with librdkafka's members and admin client."""

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

SECONDS = 60
PARTITIONS = 6


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
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(SECONDS)
    return name


class Member:
    """A consumer of the group on a thread of its own."""

    def __init__(self, broker: StandaloneBroker, group: str, topic: str, **config: object) -> None:
        self.seen: list[tuple[int, int]] = []
        self.assigned: set[int] = set()
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": broker.address,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 45_000,
                "heartbeat.interval.ms": 200,
                **config,
            }
        )
        self._consumer.subscribe([topic])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.05)
            self.assigned = {each.partition for each in self._consumer.assignment()}
            if message is not None and message.error() is None:
                partition, offset = message.partition(), message.offset()
                assert partition is not None
                assert offset is not None
                self._consumer.commit(message=message, asynchronous=False)
                self.seen.append((partition, offset))  # committed: a rebalance may follow
        self._consumer.close()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


def produce(broker: StandaloneBroker, topic: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": broker.address, "linger.ms": 5})
    for number in range(count):
        producer.produce(topic, b"%d" % number, partition=number % PARTITIONS)
    assert producer.flush(SECONDS) == 0


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_three_members_share_and_take_over(
    broker: StandaloneBroker, topic: str, strategy: str
) -> None:
    config = {"partition.assignment.strategy": strategy}
    members = [Member(broker, topic, topic, **config) for _ in range(3)]

    until(lambda: sorted(len(member.assigned) for member in members) == [2, 2, 2], "each has two")
    assert set().union(*(member.assigned for member in members)) == set(range(PARTITIONS))
    produce(broker, topic, 300)
    until(lambda: sum(len(member.seen) for member in members) >= 300, "all are read")
    members[0].stop()
    rest = members[1:]
    until(lambda: sorted(len(member.assigned) for member in rest) == [3, 3], "both have three")
    produce(broker, topic, 300)
    until(lambda: sum(len(member.seen) for member in members) >= 600, "all are read")
    for member in rest:
        member.stop()

    seen = sorted(position for member in members for position in member.seen)
    assert seen == [(partition, offset) for partition in range(PARTITIONS) for offset in range(100)]


def test_a_static_member_comes_back_to_its_partitions_without_a_rebalance(
    broker: StandaloneBroker, admin: AdminClient, topic: str
) -> None:
    first = Member(broker, topic, topic, **{"group.instance.id": "one"})
    other = Member(broker, topic, topic, **{"group.instance.id": "two"})
    until(lambda: len(first.assigned) == len(other.assigned) == 3, "both have three")
    held = set(first.assigned)
    kept = set(other.assigned)

    first.stop()
    again = Member(broker, topic, topic, **{"group.instance.id": "one"})
    until(lambda: len(again.assigned) == 3, "it is back")

    assert (again.assigned, other.assigned) == (held, kept)
    for member in (again, other):
        member.stop()


def test_committed_offsets_keep_their_metadata_over_a_restart(
    broker: StandaloneBroker, topic: str
) -> None:
    produce(broker, topic, 60)
    config = {"bootstrap.servers": broker.address, "group.id": topic, "enable.auto.commit": False}
    consumer = Consumer(config)
    wanted = [
        TopicPartition(topic, 0, 7, "half-way, é"),
        TopicPartition(topic, 1, 10, ""),
    ]
    consumer.commit(offsets=wanted, asynchronous=False)
    consumer.close()

    broker.kill()
    broker.start()

    consumer = Consumer(config)
    asked = [TopicPartition(topic, number) for number in range(3)]
    found = consumer.committed(asked, SECONDS)
    consumer.close()
    assert [(each.offset, each.metadata) for each in found] == [
        (7, "half-way, é"),
        (10, ""),
        (-1001, None),
    ]


def test_metadata_that_is_too_long_is_refused(broker: StandaloneBroker, topic: str) -> None:
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": topic})
    with pytest.raises(KafkaException, match="OFFSET_METADATA_TOO_LARGE"):
        consumer.commit(offsets=[TopicPartition(topic, 0, 1, "x" * 5000)], asynchronous=False)
    consumer.close()


def test_groups_are_listed_described_and_deleted(
    broker: StandaloneBroker, admin: AdminClient, topic: str
) -> None:
    member = Member(broker, topic, topic, **{"client.id": "reader"})
    until(lambda: len(member.assigned) == PARTITIONS, "it has all")
    produce(broker, topic, 6)
    until(lambda: len(member.seen) == 6, "all are read")

    described = admin.describe_consumer_groups([topic])[topic].result(SECONDS)
    with pytest.raises(KafkaException, match="not empty"):
        admin.delete_consumer_groups([topic])[topic].result(SECONDS)
    member.stop()
    listed = admin.list_consumer_groups().result(SECONDS)
    asked = ConsumerGroupTopicPartitions(topic)
    offsets = admin.list_consumer_group_offsets([asked])[topic].result(SECONDS)
    admin.delete_consumer_groups([topic])[topic].result(SECONDS)

    assert described.state == ConsumerGroupState.STABLE
    assert [each.client_id for each in described.members] == ["reader"]
    assert len(described.members[0].assignment.topic_partitions) == PARTITIONS
    assert topic in {group.group_id for group in listed.valid}
    assert {each.offset for each in offsets.topic_partitions} == {1}
    left = admin.list_consumer_groups().result(SECONDS)
    assert topic not in {group.group_id for group in left.valid}
