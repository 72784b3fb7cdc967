"""A restricted broker and librdkafka: who signs in, who does not, who guesses."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from broker_core.broker import Broker
from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread
from tests.support.waiting import until

SECONDS = 60


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = BrokerSettings(
        data_dir=tmp_path_factory.mktemp("broker"),
        port=0,
        access=Access.RESTRICTED,
        users={"web": hashlib.sha256(b"right").hexdigest()},
    )
    with BrokerThread(settings) as running:
        yield running.address


def signed_in(address: str, password: str) -> dict[str, str | int | float | bool]:
    return {
        "bootstrap.servers": address,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "web",
        "sasl.password": password,
        "log_level": 0,
    }


def test_a_user_makes_topics_and_a_stranger_writes_to_raw_ones_only(address: str) -> None:
    admin = AdminClient(signed_in(address, "right"))
    new = [NewTopic("raw.syslog", 1, 1), NewTopic("events.log", 1, 1)]
    for made in admin.create_topics(new).values():
        made.result(SECONDS)
    outcome: dict[str, int | None] = {}

    def note(topic: str) -> Callable[[KafkaError | None, object], None]:
        return lambda error, _: outcome.update({topic: error.code() if error else None})

    stranger = Producer({"bootstrap.servers": address, "enable.idempotence": True, "log_level": 0})
    for topic in ("raw.syslog", "events.log"):
        stranger.produce(topic, b"x", on_delivery=note(topic))
    stranger.flush(SECONDS)

    assert outcome == {
        "raw.syslog": None,
        "events.log": KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
    anonymous = AdminClient({"bootstrap.servers": address})
    assert set(anonymous.list_topics(timeout=SECONDS).topics) == {"raw.syslog"}
    with pytest.raises(KafkaException) as refused:
        anonymous.create_topics([NewTopic("raw.more", 1, 1)])["raw.more"].result(SECONDS)
    assert refused.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_wrong_password_is_told_so(address: str) -> None:
    told = threading.Event()
    errors: list[KafkaError] = []

    def on_error(error: KafkaError) -> None:
        errors.append(error)
        if error.code() == KafkaError._AUTHENTICATION:
            told.set()

    producer = Producer({**signed_in(address, "wrong"), "error_cb": on_error})

    def is_told() -> bool:
        producer.poll(0.1)
        return told.is_set()

    until(is_told, "librdkafka tells of it")

    assert "wrong user name or password" in " ".join(error.str() for error in errors)


def test_a_taken_port_is_an_error_and_leaves_the_directory_free(
    address: str, tmp_path: Path
) -> None:
    taken = BrokerSettings(data_dir=tmp_path, port=int(address.rpartition(":")[2]))

    async def start_twice() -> None:
        with pytest.raises(OSError, match="in use"):
            async with Broker(taken):
                pass
        async with Broker(taken.model_copy(update={"port": 0})) as broker:
            assert broker.failure is None

    asyncio.run(start_twice())
