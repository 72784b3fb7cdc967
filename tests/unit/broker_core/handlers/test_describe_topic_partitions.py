"""DescribeTopicPartitions: pages, cursors, and what is not told."""

import pytest

from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import DESCRIBE_TOPIC_PARTITIONS
from broker_core.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribedTopicName,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
)
from tests.support.broker_requests import Ask, signed_in

Page = list[tuple[str | None, int]]


async def describe(
    ask: Ask,
    session: ClientSession,
    *names: str,
    limit: int = 2000,
    cursor: tuple[str, int] | None = None,
) -> DescribeTopicPartitionsResponse:
    begin = None if cursor is None else Cursor(topic_name=cursor[0], partition_index=cursor[1])
    request = DescribeTopicPartitionsRequest(
        topics=tuple(DescribedTopicName(name=name) for name in names),
        response_partition_limit=limit,
        cursor=begin,
    )
    response: DescribeTopicPartitionsResponse = await ask(
        session, DESCRIBE_TOPIC_PARTITIONS, 0, request
    )
    return response


def shown(response: DescribeTopicPartitionsResponse) -> Page:
    return [
        (topic.name, one.partition_index) for topic in response.topics for one in topic.partitions
    ]


async def test_no_topics_are_all_that_the_client_may_see(services: Services, ask: Ask) -> None:
    everybody = await describe(ask, ClientSession(services, "127.0.0.1"))
    signed = await describe(ask, await signed_in(services, ask))

    assert shown(everybody) == [("raw.open", 0), ("raw.open", 1)]
    assert {name for name, _ in shown(signed)} > {"events.log", "raw.open", "__transaction_state"}
    assert everybody.next_cursor is None
    [topic] = everybody.topics
    assert topic.topic_id == services.logs.topics()["raw.open"].topic_id.bytes
    assert topic.partitions[0].isr_nodes == topic.partitions[0].replica_nodes == (0,)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
async def test_pages_follow_each_other_without_a_gap_or_a_repetition(
    services: Services, ask: Ask, limit: int
) -> None:
    services.logs.create_topic("raw.a", 3, {})
    services.logs.create_topic("raw.z", 1, {})
    session = ClientSession(services, "127.0.0.1")

    found: Page = []
    cursor: tuple[str, int] | None = None
    while True:
        page = await describe(ask, session, limit=limit, cursor=cursor)
        assert len(shown(page)) <= limit
        found += shown(page)
        if page.next_cursor is None:
            break
        cursor = (page.next_cursor.topic_name, page.next_cursor.partition_index)

    names = [("raw.a", 3), ("raw.open", 2), ("raw.z", 1)]
    assert found == [(name, index) for name, count in names for index in range(count)]


async def test_a_limit_below_one_still_gets_on(services: Services, ask: Ask) -> None:
    page = await describe(ask, ClientSession(services, "127.0.0.1"), limit=-5)

    assert shown(page) == [("raw.open", 0)]
    assert page.next_cursor == Cursor(topic_name="raw.open", partition_index=1)


async def test_a_topic_named_is_refused_or_unknown(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "127.0.0.1")

    page = await describe(ask, session, "raw.none", "events.log", "raw.open", "raw.open")

    assert [(topic.name, topic.error_code) for topic in page.topics] == [
        ("events.log", ErrorCode.TOPIC_AUTHORIZATION_FAILED),
        ("raw.none", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ("raw.open", ErrorCode.NONE),
    ]


async def test_a_cursor_at_a_topic_that_is_gone_goes_on_after_it(
    services: Services, ask: Ask
) -> None:
    page = await describe(ask, ClientSession(services, "127.0.0.1"), cursor=("raw.gone", 7))

    assert shown(page) == [("raw.open", 0), ("raw.open", 1)]


async def test_a_negative_cursor_is_refused(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "127.0.0.1")

    page = await describe(ask, session, "raw.open", cursor=("raw.open", -1))

    assert [topic.error_code for topic in page.topics] == [ErrorCode.INVALID_REQUEST]
