"""Kafka's TransactionsCommand and TopicCommand: what is open, who writes, page after page."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from prometheus_client import REGISTRY

from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread
from tests.support.kafka_tools import TOPICS, TRANSACTIONS, run_tool

pytestmark = [pytest.mark.process, pytest.mark.peer("kafka"), pytest.mark.timeout(300)]

SECONDS = 60


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerThread]:
    settings = BrokerSettings(
        data_dir=tmp_path_factory.mktemp("broker"), port=0, access=Access.OPEN
    )
    with BrokerThread(settings) as running:
        yield running


@pytest.fixture(scope="module")
def at(broker: BrokerThread) -> tuple[str, str]:
    return ("--bootstrap-server", broker.address)


@pytest.fixture(scope="module")
def producer_id(broker: BrokerThread, at: tuple[str, str]) -> Iterator[str]:
    """The producer id of ``copier``, whose transaction is open since a record in ``copied-0``."""
    run_tool(TOPICS, *at, "--create", "--topic", "copied", "--partitions", "2")
    copier = Producer(
        {"bootstrap.servers": broker.address, "transactional.id": "copier", "log_level": 0}
    )
    copier.init_transactions(SECONDS)
    copier.begin_transaction()
    copier.produce("copied", b"open", partition=0)
    assert copier.flush(SECONDS) == 0
    [listed] = rows(run_tool(TRANSACTIONS, *at, "list"))
    yield listed["ProducerId"]
    copier.abort_transaction(SECONDS)


def rows(printed: str) -> list[dict[str, str]]:
    """A table of the tool's, by its headings."""
    head, *lines = [line.split() for line in printed.splitlines() if line.strip()]
    return [dict(zip(head, line, strict=False)) for line in lines]


def test_an_open_transaction_is_listed_and_described(at: tuple[str, str], producer_id: str) -> None:
    [listed] = rows(run_tool(TRANSACTIONS, *at, "list"))
    [described] = rows(run_tool(TRANSACTIONS, *at, "describe", "--transactional-id", "copier"))
    long_ones = run_tool(TRANSACTIONS, *at, "list", "--duration-filter", "3600000")

    assert (listed["TransactionalId"], listed["TransactionState"]) == ("copier", "Ongoing")
    assert described["ProducerId"] == producer_id
    assert described["TransactionState"] == "Ongoing"
    assert described["TopicPartitions"] == "copied-0"
    assert int(described["CurrentTransactionStartTimeMs"]) > 0
    assert rows(long_ones) == []


def test_a_partition_tells_who_writes_to_it(at: tuple[str, str], producer_id: str) -> None:
    where = ("--topic", "copied", "--partition", "0")

    [found] = rows(run_tool(TRANSACTIONS, *at, "describe-producers", *where))

    assert found["ProducerId"] == producer_id
    assert found["LastSequence"] == "0"
    assert found["CurrentTransactionStartOffset"] == "0"


@pytest.mark.usefixtures("producer_id")
def test_a_transaction_that_its_coordinator_knows_does_not_hang(at: tuple[str, str]) -> None:
    found = run_tool(TRANSACTIONS, *at, "find-hanging", "--topic", "copied")

    assert rows(found) == []


def test_topics_are_described_over_several_pages(at: tuple[str, str]) -> None:
    for name, partitions in (("paged.a", "5"), ("paged.b", "3")):
        run_tool(TOPICS, *at, "--create", "--topic", name, "--partitions", partitions)

    before = pages_given()
    page = ("--partition-size-limit-per-response", "2")
    printed = run_tool(TOPICS, *at, "--describe", "--topic", "paged\\..", *page)

    lines = [line.split() for line in printed.splitlines() if "Partition:" in line]
    found = sorted(
        (line[line.index("Topic:") + 1], line[line.index("Partition:") + 1]) for line in lines
    )
    assert found == [
        *(("paged.a", str(number)) for number in range(5)),
        *(("paged.b", str(number)) for number in range(3)),
    ]
    assert pages_given() - before == 4  # of two partitions each


def pages_given() -> float:
    labels = {"request": "DescribeTopicPartitions", "version": "0"}
    return REGISTRY.get_sample_value("kafka_network_requestmetrics_requests_total", labels) or 0
