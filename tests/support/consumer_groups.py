"""Consumer groups as an admin client sees them, topics, and traffic for them to read."""

import threading
from collections import Counter
from dataclasses import dataclass
from types import TracebackType

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.waiting import until

REMEMBERS_BROKERS = {"metadata.recovery.strategy": "none"}  # see at_rest
SECONDS = 60
ASK_SECONDS = 15
COORDINATOR_CHANGES = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
}


def make_topic(admin: AdminClient, name: str, partitions: int, copies: int = 1) -> None:
    """Make a topic, as soon as there are enough nodes for its copies."""

    def made() -> bool:
        try:
            admin.create_topics([NewTopic(name, partitions, copies)])[name].result(SECONDS)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.INVALID_REPLICATION_FACTOR:
                return False
            raise
        return True

    until(made, f"the topic {name}")


@dataclass(frozen=True)
class Rest:
    """A group that has come to rest.

    Attributes:
        coordinator: The node that says so.
        held: The partitions of each member.
    """

    coordinator: int
    held: dict[str, set[int]]


def at_rest(bootstrap: str, group: str) -> Rest:
    """The group, once all of its members have what they shall have.

    Each time a new client asks: librdkafka 2.16 forgets its brokers when the only one is away, and
    can wait for ever for the forgotten one to answer.
    """
    found: list[Rest] = []
    said: list[object] = []

    def stable() -> bool:
        admin = AdminClient({"bootstrap.servers": bootstrap})
        try:
            described = admin.describe_consumer_groups([group])[group].result(ASK_SECONDS)
        except TimeoutError:
            return False
        except KafkaException as error:
            said.append(error)
            if error.args[0].code() in COORDINATOR_CHANGES:
                return False
            raise
        said.append(described.state)
        held = {
            member.member_id: {each.partition for each in member.assignment.topic_partitions}
            for member in described.members
        }
        found.append(Rest(described.coordinator.id, held))
        return bool(described.state == ConsumerGroupState.STABLE)

    try:
        until(stable, f"the group {group} at rest")
    except AssertionError as error:
        raise AssertionError(f"{error}; {found[-1:]}, heard {said[-3:]}") from error
    return found[-1]


class Traffic:
    """Records, one after the other between enter and exit, each once: the producer is idempotent.

    Attributes:
        acknowledged: How many of each partition; complete after exit.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        """Know where to."""
        self.acknowledged: Counter[int] = Counter()
        self._topic = topic
        self._partitions = partitions
        self._stop = threading.Event()
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "enable.idempotence": True, **REMEMBERS_BROKERS}
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Traffic":
        """Begin to produce."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, and wait for what is under way."""
        self._stop.set()
        self._thread.join(SECONDS)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.002):
            self._producer.produce(
                self._topic, b"x", partition=number % self._partitions, on_delivery=self._delivered
            )
            self._producer.poll(0)
            number += 1
        self._producer.flush(SECONDS)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        partition = message.partition()
        assert partition is not None
        if error is None:
            self.acknowledged[partition] += 1
