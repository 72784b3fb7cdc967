"""What operators are told: ListTransactions, DescribeTransactions, DescribeProducers."""

import pytest

from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import (
    DESCRIBE_PRODUCERS,
    DESCRIBE_TRANSACTIONS,
    LIST_TRANSACTIONS,
)
from broker_core.protocol.messages.describe_producers import (
    ActiveProducer,
    DescribeProducersRequest,
    DescribeProducersTopic,
)
from broker_core.protocol.messages.describe_transactions import (
    DescribeTransactionsRequest,
    TransactionTopic,
)
from broker_core.protocol.messages.list_transactions import ListTransactionsRequest
from tests.support.broker_requests import Ask, signed_in
from tests.support.partition import batch

TIMEOUT_MS = 50_000


@pytest.fixture
async def producer(services: Services) -> ProducerIdentity:
    """The producer of ``copier``, whose transaction writes to two topics."""
    begun = await services.transactions.init_producer("copier", None, TIMEOUT_MS)
    partitions = [("raw.open", 1), ("events.log", 0), ("raw.open", 0)]
    await services.transactions.add_partitions("copier", begun, partitions)
    return begun


def write(services: Services, producer: ProducerIdentity, sequence: int) -> None:
    one = batch(
        b"a",
        b"b",
        producer_id=producer.producer_id,
        epoch=producer.epoch,
        sequence=sequence,
        transactional=True,
    )
    services.replicas.leading("raw.open", 1).append(one)


async def test_a_transaction_is_described_with_its_partitions(
    services: Services, ask: Ask, producer: ProducerIdentity
) -> None:
    request = DescribeTransactionsRequest(transactional_ids=("copier", "nobody"))

    found, unknown = (
        await ask(await signed_in(services, ask), DESCRIBE_TRANSACTIONS, 0, request)
    ).transaction_states

    assert (found.error_code, found.transaction_state) == (ErrorCode.NONE, "Ongoing")
    assert found.transaction_timeout_ms == TIMEOUT_MS
    assert 0 < found.transaction_start_time_ms <= services.clock.now_ms()
    assert (found.producer_id, found.producer_epoch) == (producer.producer_id, producer.epoch)
    assert found.topics == (
        TransactionTopic(topic="events.log", partitions=(0,)),
        TransactionTopic(topic="raw.open", partitions=(0, 1)),
    )
    assert unknown.error_code == ErrorCode.TRANSACTIONAL_ID_NOT_FOUND


@pytest.mark.usefixtures("producer")
async def test_who_may_not_see_a_topic_is_not_told_of_its_partitions(
    services: Services, ask: Ask
) -> None:
    await services.transactions.init_producer("tocsin-raw", None, TIMEOUT_MS)
    request = DescribeTransactionsRequest(transactional_ids=("copier", "tocsin-raw"))
    session = ClientSession(services, "127.0.0.1")

    visible, denied = (await ask(session, DESCRIBE_TRANSACTIONS, 0, request)).transaction_states
    listed = (
        await ask(session, LIST_TRANSACTIONS, 0, ListTransactionsRequest())
    ).transaction_states

    assert [topic.topic for topic in visible.topics] == ["raw.open"]
    assert denied.error_code == ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert [one.transactional_id for one in listed] == ["copier"]


async def test_an_ended_transaction_has_no_start_and_no_partitions(
    services: Services, ask: Ask, producer: ProducerIdentity
) -> None:
    await services.transactions.end("copier", producer, committed=True)
    request = DescribeTransactionsRequest(transactional_ids=("copier",))

    [found] = (
        await ask(await signed_in(services, ask), DESCRIBE_TRANSACTIONS, 0, request)
    ).transaction_states

    assert (found.transaction_state, found.transaction_start_time_ms, found.topics) == (
        "CompleteCommit",
        -1,
        (),
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ListTransactionsRequest(), ["copier", "idle"]),
        (ListTransactionsRequest(state_filters=("Empty",)), ["idle"]),
        (ListTransactionsRequest(state_filters=("Ongoing", "Empty")), ["copier", "idle"]),
        (ListTransactionsRequest(producer_id_filters=(10**9,)), []),
        (ListTransactionsRequest(duration_filter=3_600_000), []),
        (ListTransactionsRequest(duration_filter=-1), ["copier", "idle"]),
    ],
)
@pytest.mark.usefixtures("producer")
async def test_filters_leave_what_they_name(
    services: Services, ask: Ask, wanted: ListTransactionsRequest, found: list[str]
) -> None:
    await services.transactions.init_producer("idle", None, TIMEOUT_MS)

    response = await ask(await signed_in(services, ask), LIST_TRANSACTIONS, 1, wanted)

    assert sorted(one.transactional_id for one in response.transaction_states) == found
    assert response.unknown_state_filters == ()


async def test_a_state_that_does_not_exist_is_named(services: Services, ask: Ask) -> None:
    request = ListTransactionsRequest(state_filters=("Empty", "Confused"))

    response = await ask(await signed_in(services, ask), LIST_TRANSACTIONS, 0, request)

    assert response.unknown_state_filters == ("Confused",)


async def test_a_partition_tells_its_producers_and_what_they_have_open(
    services: Services, ask: Ask, producer: ProducerIdentity
) -> None:
    services.replicas.leading("raw.open", 1).append(batch(b"before"))
    write(services, producer, 0)
    write(services, producer, 2)
    topic = DescribeProducersTopic(name="raw.open", partition_indexes=(1, 0, 9))
    request = DescribeProducersRequest(topics=(topic,))

    response = await ask(ClientSession(services, "127.0.0.1"), DESCRIBE_PRODUCERS, 0, request)
    written, empty, unknown = response.topics[0].partitions

    [active] = written.active_producers
    assert active == ActiveProducer(
        producer_id=producer.producer_id,
        producer_epoch=producer.epoch,
        last_sequence=3,
        last_timestamp=active.last_timestamp,
        coordinator_epoch=-1,
        current_txn_start_offset=1,
    )
    assert 0 < active.last_timestamp <= services.clock.now_ms()
    assert (empty.error_code, empty.active_producers) == (ErrorCode.NONE, ())
    assert unknown.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


async def test_producers_are_told_to_who_may_read(services: Services, ask: Ask) -> None:
    topic = DescribeProducersTopic(name="events.log", partition_indexes=(0,))
    request = DescribeProducersRequest(topics=(topic,))

    response = await ask(ClientSession(services, "127.0.0.1"), DESCRIBE_PRODUCERS, 0, request)

    [denied] = response.topics[0].partitions
    assert denied.error_code == ErrorCode.TOPIC_AUTHORIZATION_FAILED
