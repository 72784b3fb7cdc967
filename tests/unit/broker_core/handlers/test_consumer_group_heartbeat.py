"""Heartbeats of consumer groups (KIP-848), and who may send them and look at groups."""

from dataclasses import replace

import pytest

from broker_core.error_codes import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol import api_keys
from broker_core.protocol.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from broker_core.protocol.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from tests.support.broker_requests import Ask, signed_in

JOIN = ConsumerGroupHeartbeatRequest(
    group_id="mine",
    member_id="m",
    member_epoch=0,
    rebalance_timeout_ms=300,
    subscribed_topic_names=("raw.open",),
    topic_partitions=(),
)


async def test_a_group_is_joined_described_and_left(services: Services, ask: Ask) -> None:
    session = await signed_in(services, ask)

    joined = await ask(session, api_keys.CONSUMER_GROUP_HEARTBEAT, 1, JOIN)
    describe = ConsumerGroupDescribeRequest(
        group_ids=("mine", "other"), include_authorized_operations=False
    )
    described = await ask(session, api_keys.CONSUMER_GROUP_DESCRIBE, 1, describe)
    left = await ask(session, api_keys.CONSUMER_GROUP_HEARTBEAT, 1, replace(JOIN, member_epoch=-1))

    assert (joined.error_code, joined.member_epoch) == (0, 1)
    assert [group.error_code for group in described.groups] == [0, ErrorCode.GROUP_ID_NOT_FOUND]
    assert [member.client_id for member in described.groups[0].members] == ["c"]
    assert (left.error_code, left.member_epoch) == (0, -1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"member_epoch": 3}, ErrorCode.GROUP_ID_NOT_FOUND),
        ({"server_assignor": "sticky"}, ErrorCode.UNSUPPORTED_ASSIGNOR),
        ({"subscribed_topic_regex": "("}, ErrorCode.INVALID_REGULAR_EXPRESSION),
        ({"topic_partitions": None}, ErrorCode.INVALID_REQUEST),
    ],
)
async def test_what_is_refused_says_why(
    services: Services, ask: Ask, changes: dict[str, object], error: ErrorCode
) -> None:
    session = await signed_in(services, ask)

    request = replace(JOIN, **changes)  # type: ignore[arg-type]
    answer = await ask(session, api_keys.CONSUMER_GROUP_HEARTBEAT, 1, request)

    assert answer.error_code == error
    assert answer.error_message


async def test_strangers_join_for_topics_that_they_may_see(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "127.0.0.1")
    outside = ClientSession(services, "10.0.0.1")
    hidden = replace(JOIN, subscribed_topic_names=("raw.open", "events.log"))

    allowed = await ask(session, api_keys.CONSUMER_GROUP_HEARTBEAT, 1, JOIN)
    refused = await ask(session, api_keys.CONSUMER_GROUP_HEARTBEAT, 1, hidden)

    assert (allowed.error_code, refused.error_code) == (0, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
    assert "events.log" in refused.error_message
    with pytest.raises(Exception, match="signing in"):
        await ask(outside, api_keys.CONSUMER_GROUP_HEARTBEAT, 1, JOIN)
