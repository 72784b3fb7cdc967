"""Consumer groups of the new protocol (KIP-848) on broker_core, with librdkafka's members."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupType,
    KafkaError,
    KafkaException,
    Producer,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from tests.support.cluster import Cluster
from tests.support.consumer_groups import REMEMBERS_BROKERS, at_rest, make_topic
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

SECONDS = 60
PARTITIONS = 6
SOON = ("--set", "groups.consumer_heartbeat_interval=PT0.2S")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    with StandaloneBroker(tmp_path_factory.mktemp("broker"), *SOON) as running:
        yield running


@pytest.fixture
def admin(broker: StandaloneBroker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.address})


@pytest.fixture
def topic(admin: AdminClient, request: pytest.FixtureRequest) -> str:
    name = "raw." + "".join(c if c.isalnum() else "-" for c in request.node.name)[:100]
    make_topic(admin, name, PARTITIONS)
    return name


class Member:
    """A consumer of the group on a thread of its own.

    Attributes:
        commits: Whether it commits every record that it has read.
    """

    def __init__(
        self, at: StandaloneBroker | Cluster, group: str, topic: str, **config: object
    ) -> None:
        self.commits = True
        self.seen: list[tuple[str, int, int]] = []
        self.assigned: set[tuple[str, int]] = set()
        self.errors: list[KafkaError] = []
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": at.bootstrap if isinstance(at, Cluster) else at.address,
                "group.id": group,
                "group.protocol": "consumer",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 1_000,
                **REMEMBERS_BROKERS,
                **config,
            }
        )
        self._consumer.subscribe([topic])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.05)
            self.assigned = {(each.topic, each.partition) for each in self._consumer.assignment()}
            if message is None:
                continue
            error = message.error()
            if error is not None:
                self.errors.append(error)
                continue
            name, partition, offset = message.topic(), message.partition(), message.offset()
            assert name is not None
            assert partition is not None
            assert offset is not None
            if self.commits:
                self._consumer.commit(message=message, asynchronous=False)
            self.seen.append((name, partition, offset))
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


def shares(members: list[Member]) -> list[int]:
    return sorted(len(member.assigned) for member in members)


@pytest.mark.parametrize("assignor", ["uniform", "range"])
def test_three_members_share_and_take_over(
    broker: StandaloneBroker, topic: str, assignor: str
) -> None:
    config = {"group.remote.assignor": assignor}
    members = [Member(broker, topic, topic, **config) for _ in range(3)]

    until(lambda: shares(members) == [2, 2, 2], "each has two")
    assert len(set().union(*(member.assigned for member in members))) == PARTITIONS
    produce(broker, topic, 300)
    until(lambda: sum(len(member.seen) for member in members) >= 300, "all are read")
    members[0].stop()
    rest = members[1:]
    until(lambda: shares(rest) == [3, 3], "both have three")
    produce(broker, topic, 300)
    until(lambda: sum(len(member.seen) for member in members) >= 600, "all are read")
    for member in rest:
        member.stop()

    seen = sorted(position for member in members for position in member.seen)
    assert seen == [(topic, number, at) for number in range(PARTITIONS) for at in range(100)]


def test_members_go_on_where_they_were_after_a_kill(broker: StandaloneBroker, topic: str) -> None:
    """While nothing is committed, whoever had to join anew would read everything again.

    No commit is under way when the broker dies: one that is can keep librdkafka 2.16 from ever
    using its new connection, as it declares the coordinator dead whenever that comes back.
    """

    members = [Member(broker, topic, topic) for _ in range(2)]
    for member in members:
        member.commits = False
    until(lambda: shares(members) == [3, 3], "each has three")
    produce(broker, topic, 300)
    until(lambda: sum(len(member.seen) for member in members) >= 100, "some are read")
    before = at_rest(broker.address, topic)

    broker.kill()
    broker.start()

    until(lambda: sum(len(member.seen) for member in members) >= 300, "all are read")
    assert at_rest(broker.address, topic).held == before.held
    for member in members:
        member.commits = True
    produce(broker, topic, 300)
    until(lambda: sum(len(member.seen) for member in members) >= 600, "all are read")
    for member in members:
        member.stop()
    seen = sorted(position for member in members for position in member.seen)
    assert seen == [(topic, number, at) for number in range(PARTITIONS) for at in range(100)]


def test_members_go_on_where_they_were_when_another_node_coordinates(
    tmp_path: Path, topic: str
) -> None:
    with Cluster(tmp_path, arguments=SOON) as cluster:
        make_topic(
            AdminClient({"bootstrap.servers": cluster.bootstrap}), topic, PARTITIONS, copies=3
        )
        any_node = cluster.nodes[1]
        members = [Member(cluster, topic, topic) for _ in range(2)]
        for member in members:
            member.commits = False
        until(lambda: shares(members) == [3, 3], "each has three")
        produce(any_node, topic, 300)
        until(lambda: sum(len(member.seen) for member in members) >= 100, "some are read")
        before = at_rest(cluster.bootstrap, topic)

        cluster.nodes[before.coordinator].kill()

        until(lambda: sum(len(member.seen) for member in members) >= 300, "all are read")
        assert at_rest(cluster.bootstrap, topic).held == before.held
        for member in members:
            member.stop()
        seen = sorted(position for member in members for position in member.seen)
        assert seen == [(topic, number, at) for number in range(PARTITIONS) for at in range(50)]


def test_a_static_member_comes_back_to_its_partitions_without_a_rebalance(
    broker: StandaloneBroker, topic: str
) -> None:
    first = Member(broker, topic, topic, **{"group.instance.id": "one"})
    other = Member(broker, topic, topic, **{"group.instance.id": "two"})
    until(lambda: shares([first, other]) == [3, 3], "both have three")
    held, kept = set(first.assigned), set(other.assigned)

    first.stop()
    again = Member(broker, topic, topic, **{"group.instance.id": "one"})
    until(lambda: len(again.assigned) == 3, "it is back")

    assert (again.assigned, other.assigned) == (held, kept)
    for member in (again, other):
        member.stop()


def test_new_partitions_and_topics_that_match_are_read(
    broker: StandaloneBroker, admin: AdminClient, topic: str
) -> None:
    member = Member(broker, topic, f"^{topic}.*")
    until(lambda: len(member.assigned) == PARTITIONS, "it has all")

    admin.create_partitions([NewPartitions(topic, PARTITIONS + 2)])[topic].result(SECONDS)
    until(lambda: len(member.assigned) == PARTITIONS + 2, "it has the new ones")
    more = f"{topic}-more"
    admin.create_topics([NewTopic(more, 1, 1)])[more].result(SECONDS)
    until(lambda: (more, 0) in member.assigned, "it has the new topic")
    produce(broker, more, 1)
    until(lambda: (more, 0, 0) in member.seen, "it reads the new topic")
    admin.delete_topics([more])[more].result(SECONDS)
    until(lambda: len(member.assigned) == PARTITIONS + 2, "the topic is gone")
    member.stop()


def test_groups_are_listed_by_type_described_and_deleted(
    broker: StandaloneBroker, admin: AdminClient, topic: str
) -> None:
    classic = Member(broker, f"{topic}-classic", topic, **{"group.protocol": "classic"})
    member = Member(broker, topic, topic, **{"client.id": "reader"})
    until(lambda: shares([member, classic]) == [PARTITIONS] * 2, "both have all")
    produce(broker, topic, 6)
    until(lambda: len(member.seen) == 6, "all are read")

    described = admin.describe_consumer_groups([topic])[topic].result(SECONDS)
    with pytest.raises(KafkaException, match="not empty"):
        admin.delete_consumer_groups([topic])[topic].result(SECONDS)
    listed = {
        group_type: {
            group.group_id
            for group in admin.list_consumer_groups(types={group_type}).result(SECONDS).valid
        }
        for group_type in (ConsumerGroupType.CONSUMER, ConsumerGroupType.CLASSIC)
    }
    member.stop()
    classic.stop()
    admin.delete_consumer_groups([topic])[topic].result(SECONDS)

    assert (described.state, described.type) == (
        ConsumerGroupState.STABLE,
        ConsumerGroupType.CONSUMER,
    )
    assert [each.client_id for each in described.members] == ["reader"]
    assert len(described.members[0].assignment.topic_partitions) == PARTITIONS
    assert topic in listed[ConsumerGroupType.CONSUMER] - listed[ConsumerGroupType.CLASSIC]
    assert f"{topic}-classic" in listed[ConsumerGroupType.CLASSIC]
    left = admin.list_consumer_groups().result(SECONDS)
    assert topic not in {group.group_id for group in left.valid}


def test_an_empty_group_changes_sides_and_keeps_its_offsets(
    broker: StandaloneBroker, topic: str
) -> None:
    produce(broker, topic, 60)
    seen = []
    for number, protocol in enumerate(("classic", "consumer", "classic")):
        member = Member(broker, topic, topic, **{"group.protocol": protocol})
        wanted = 60 if number == 0 else 6
        until(lambda: len(member.seen) >= wanted, f"{wanted} are read")  # noqa: B023
        member.stop()
        seen += member.seen
        produce(broker, topic, 6)

    assert len(seen) == len(set(seen)) == 72


def test_a_group_with_members_does_not_change_sides(broker: StandaloneBroker, topic: str) -> None:
    member = Member(broker, topic, topic)
    until(lambda: len(member.assigned) == PARTITIONS, "it has all")

    other = Member(broker, topic, topic, **{"group.protocol": "classic"})
    until(lambda: other.errors, "it hears why not")

    assert other.errors[0].code() == KafkaError.INCONSISTENT_GROUP_PROTOCOL
    assert len(member.assigned) == PARTITIONS
    for each in (other, member):
        each.stop()
