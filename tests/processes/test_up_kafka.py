"""The product on Apache Kafka: the same roles but the broker, another URL, nothing lost."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apache_kafka import ApacheKafka
from tests.support.kills import disturb_under_load
from tests.support.product import Product, product
from tests.support.waiting import until

SECOND_ROOT_ACCOUNT = "c1fe6901-48b7-4235-9284-e1062d0b4fe0"

pytestmark = [pytest.mark.process, pytest.mark.peer("kafka"), pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A node of its own: it is killed, and what the product sees of it must be the product's."""
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as node:
        yield node


@pytest.fixture(scope="module")
def running(kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    config = f'[pipeline.bus]\nurl = "kafka://{kafka.address}"\n'
    with product(tmp_path_factory.mktemp("up") / "data", config=config) as found:
        yield found


def test_our_own_broker_is_not_started(running: Product) -> None:
    assert list(running.health()["roles"]) == ["store", "sinks", "detections", "collectors", "web"]


def test_nothing_is_lost_or_doubled_when_the_node_restarts_or_is_killed(
    running: Product, kafka: ApacheKafka, tmp_path: Path
) -> None:
    def restart() -> None:
        kafka.stop()
        kafka.start()

    def kill() -> None:
        kafka.kill()
        kafka.start()

    found = disturb_under_load(running, [restart, kill], tmp_path / "journal", rate=1000)

    assert found.sent > 0
    assert found.is_clean, found


def test_a_syslog_line_is_stored_and_raises_its_alert(running: Product) -> None:
    token = running.token("viewer")
    with socket.create_connection(("127.0.0.1", running.port(5514))) as wire:
        wire.sendall(
            b"<86>Nov 22 12:00:01 web-07 useradd[7]: new user: name=toor, UID=0, GID=0,"
            b" home=/root, shell=/bin/sh, from=none\n"
        )

    until(
        lambda: running.get("/api/v1/alerts", token, rule=SECOND_ROOT_ACCOUNT)["items"],
        "the alert is stored",
        seconds=120,
    )
    [alert] = running.get("/api/v1/alerts", token, rule=SECOND_ROOT_ACCOUNT)["items"]
    [event] = alert["events"]
    assert running.get(f"/api/v1/events/{event['id']}", token)["source"] == "syslog:127.0.0.1"
