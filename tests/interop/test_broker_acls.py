"""Access control lists managed and met by librdkafka."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic

from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread

SECONDS = 30
Configuration = dict[str, str | int | float | bool]
LITERAL, PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
ALLOW, DENY = AclPermissionType.ALLOW, AclPermissionType.DENY


def settings(directory: Path) -> BrokerSettings:
    names = ("admin", "ada", "bob")
    return BrokerSettings(
        data_dir=directory,
        port=0,
        access=Access.ACLS,
        super_users=("admin",),
        users={name: hashlib.sha256(name.encode()).hexdigest() for name in names},
    )


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerThread]:
    """Access by lists, which are empty; topics ``events.log`` and ``raw.syslog``."""
    with BrokerThread(settings(tmp_path)) as running:
        admin = AdminClient(as_user(running, "admin"))
        new = [NewTopic(name, 1, 1) for name in ("events.log", "raw.syslog")]
        for made in admin.create_topics(new).values():
            made.result(SECONDS)
        yield running


def as_user(broker: BrokerThread, name: str) -> Configuration:
    return {
        "bootstrap.servers": broker.address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": name,
        "sasl.password": name,
        "log_level": 0,
    }


def allow(
    broker: BrokerThread,
    kind: ResourceType,
    name: str,
    operation: AclOperation,
    *,
    pattern: ResourcePatternType = LITERAL,
    principal: str = "User:ada",
) -> AclBinding:
    entry = AclBinding(kind, name, pattern, principal, "*", operation, ALLOW)
    admin = AdminClient(as_user(broker, "admin"))
    admin.create_acls([entry])[entry].result(SECONDS)
    return entry


def matching(
    name: str | None, pattern: ResourcePatternType, principal: str | None = None
) -> AclBindingFilter:
    anything: Any = None  # the client takes it, its annotations do not
    return AclBindingFilter(
        ResourceType.ANY,
        name or anything,
        pattern,
        principal or anything,
        anything,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def produced(configuration: Configuration, topic: str) -> int | None:
    """The error code that one record was answered with, or None."""
    told = threading.Event()
    outcomes: list[int | None] = []

    def on_delivery(error: KafkaError | None, _message: object) -> None:
        outcomes.append(error.code() if error else None)
        told.set()

    producer = Producer(configuration)
    producer.produce(topic, b"x", on_delivery=on_delivery)
    for _ in range(SECONDS * 10):
        producer.poll(0.1)
        if told.is_set():
            break
    return outcomes[0]


def consumed(configuration: Configuration, topic: str, group: str) -> bytes | int | None:
    """The first record's value, or the code of the error met instead."""
    consumer = Consumer({**configuration, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        for _ in range(SECONDS * 10):
            message = consumer.poll(0.1)
            if message is not None:
                error = message.error()
                return message.value() if error is None else error.code()
    finally:
        consumer.close()
    return None


def test_nothing_is_allowed_until_an_entry_says_so(broker: BrokerThread) -> None:
    ada = as_user(broker, "ada")

    assert produced(ada, "events.log") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert AdminClient(ada).list_topics(timeout=SECONDS).topics == {}
    allow(broker, ResourceType.TOPIC, "events.log", AclOperation.WRITE)
    assert produced(ada, "events.log") is None
    assert produced({**ada, "enable.idempotence": True}, "events.log") is None
    assert set(AdminClient(ada).list_topics(timeout=SECONDS).topics) == {"events.log"}
    assert produced(as_user(broker, "bob"), "events.log") == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_reading_needs_the_topic_and_the_group(broker: BrokerThread) -> None:
    ada = as_user(broker, "ada")
    assert produced(as_user(broker, "admin"), "raw.syslog") is None

    allow(broker, ResourceType.TOPIC, "raw.", AclOperation.READ, pattern=PREFIXED)
    assert consumed(ada, "raw.syslog", "readers") == KafkaError.GROUP_AUTHORIZATION_FAILED
    allow(broker, ResourceType.GROUP, "*", AclOperation.READ)
    assert consumed(ada, "raw.syslog", "readers") == b"x"


def test_an_entry_that_denies_wins_over_those_that_allow(broker: BrokerThread) -> None:
    ada, bob = as_user(broker, "ada"), as_user(broker, "bob")
    allow(broker, ResourceType.TOPIC, "*", AclOperation.ALL, principal="User:*")

    assert produced(ada, "events.log") is None
    denial = AclBinding(
        ResourceType.TOPIC, "events", PREFIXED, "User:ada", "*", AclOperation.WRITE, DENY
    )
    admin = AdminClient(as_user(broker, "admin"))
    admin.create_acls([denial])[denial].result(SECONDS)

    assert produced(ada, "events.log") == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert produced(ada, "raw.syslog") is None
    assert produced(bob, "events.log") is None
    remove = matching("events", PREFIXED)
    assert admin.delete_acls([remove])[remove].result(SECONDS) == [denial]
    assert produced(ada, "events.log") is None


def test_entries_are_described_as_filters_ask(broker: BrokerThread) -> None:
    made = [
        allow(broker, ResourceType.TOPIC, "raw.", AclOperation.WRITE, pattern=PREFIXED),
        allow(broker, ResourceType.TOPIC, "raw.syslog", AclOperation.READ),
        allow(broker, ResourceType.GROUP, "readers", AclOperation.READ, principal="User:bob"),
    ]
    admin = AdminClient(as_user(broker, "admin"))

    def described(name: str | None, pattern: ResourcePatternType, who: str | None) -> set[int]:
        wanted = matching(name, pattern, who)
        return {made.index(one) for one in admin.describe_acls(wanted).result(SECONDS)}

    assert described(None, ResourcePatternType.ANY, None) == {0, 1, 2}
    assert described("raw.syslog", ResourcePatternType.MATCH, None) == {0, 1}
    assert described("raw.syslog", LITERAL, None) == {1}
    assert described(None, ResourcePatternType.ANY, "User:bob") == {2}


def test_only_who_may_alter_the_cluster_manages_entries(broker: BrokerThread) -> None:
    mine = AclBinding(ResourceType.TOPIC, "*", LITERAL, "User:ada", "*", AclOperation.ALL, ALLOW)
    ada = AdminClient(as_user(broker, "ada"))

    with pytest.raises(KafkaException) as refused:
        ada.create_acls([mine])[mine].result(SECONDS)

    assert refused.value.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED
    allow(broker, ResourceType.BROKER, "kafka-cluster", AclOperation.ALTER)
    ada.create_acls([mine])[mine].result(SECONDS)
    assert produced(as_user(broker, "ada"), "events.log") is None


def test_entries_outlive_the_broker(tmp_path: Path) -> None:
    with BrokerThread(settings(tmp_path)) as first:
        admin = AdminClient(as_user(first, "admin"))
        admin.create_topics([NewTopic("events.log", 1, 1)])["events.log"].result(SECONDS)
        allow(first, ResourceType.TOPIC, "events.log", AclOperation.WRITE)

    with BrokerThread(settings(tmp_path)) as second:
        assert produced(as_user(second, "ada"), "events.log") is None
        assert produced(as_user(second, "bob"), "events.log") is not None


def test_where_access_is_not_by_lists_they_are_not_pretended(tmp_path: Path) -> None:
    restricted = settings(tmp_path).model_copy(update={"access": Access.RESTRICTED})
    with BrokerThread(restricted) as broker, pytest.raises(KafkaException) as refused:
        allow(broker, ResourceType.TOPIC, "events.log", AclOperation.WRITE)

    assert refused.value.args[0].code() == KafkaError.SECURITY_DISABLED
