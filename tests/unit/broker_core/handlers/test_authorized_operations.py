"""Whoever describes a resource and asks what it may do to it is told, and nobody else (KIP-430)."""

from collections.abc import Iterable

from broker_core.acl import OPERATIONS_ON, Operation, ResourceType
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import (
    CONSUMER_GROUP_DESCRIBE,
    CONSUMER_GROUP_HEARTBEAT,
    DESCRIBE_CLUSTER,
    DESCRIBE_GROUPS,
    DESCRIBE_TOPIC_PARTITIONS,
    METADATA,
)
from broker_core.protocol.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from broker_core.protocol.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from broker_core.protocol.messages.describe_cluster import DescribeClusterRequest
from broker_core.protocol.messages.describe_groups import DescribeGroupsRequest
from broker_core.protocol.messages.describe_topic_partitions import (
    DescribedTopicName,
    DescribeTopicPartitionsRequest,
)
from broker_core.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from tests.support.broker_requests import Ask, signed_in

NOT_ASKED_FOR = -(2**31)


def bits(operations: Iterable[Operation]) -> int:
    return sum(1 << operation for operation in operations)


EVERYTHING = {kind: bits(operations) for kind, operations in OPERATIONS_ON.items()}
STRANGERS = bits([Operation.READ, Operation.WRITE, Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS])


async def of_cluster(ask: Ask, session: ClientSession, *, asked: bool = True) -> int:
    request = DescribeClusterRequest(include_cluster_authorized_operations=asked)
    answer = await ask(session, DESCRIBE_CLUSTER, 1, request)
    return int(answer.cluster_authorized_operations)


async def of_cluster_by_metadata(ask: Ask, session: ClientSession, *, asked: bool = True) -> int:
    request = MetadataRequest(topics=(), include_cluster_authorized_operations=asked)
    answer = await ask(session, METADATA, 10, request)
    return int(answer.cluster_authorized_operations)


async def of_topic(ask: Ask, session: ClientSession, name: str, *, asked: bool = True) -> int:
    topics = (MetadataRequestTopic(name=name),)
    request = MetadataRequest(topics=topics, include_topic_authorized_operations=asked)
    [topic] = (await ask(session, METADATA, 12, request)).topics
    return int(topic.topic_authorized_operations)


async def of_topic_by_page(ask: Ask, session: ClientSession, name: str) -> int:
    request = DescribeTopicPartitionsRequest(topics=(DescribedTopicName(name=name),), cursor=None)
    [topic] = (await ask(session, DESCRIBE_TOPIC_PARTITIONS, 0, request)).topics
    return int(topic.topic_authorized_operations)


async def of_group(ask: Ask, session: ClientSession, name: str, *, asked: bool = True) -> int:
    request = DescribeGroupsRequest(groups=(name,), include_authorized_operations=asked)
    [group] = (await ask(session, DESCRIBE_GROUPS, 5, request)).groups
    return int(group.authorized_operations)


async def of_new_group(ask: Ask, session: ClientSession, *, asked: bool = True) -> int:
    heartbeat = ConsumerGroupHeartbeatRequest(
        group_id="new",
        member_id="a",
        member_epoch=0,
        rebalance_timeout_ms=60_000,
        subscribed_topic_names=("raw.open",),
        topic_partitions=(),
    )
    assert (await ask(session, CONSUMER_GROUP_HEARTBEAT, 1, heartbeat)).error_code == 0
    request = ConsumerGroupDescribeRequest(group_ids=("new",), include_authorized_operations=asked)
    [group] = (await ask(session, CONSUMER_GROUP_DESCRIBE, 1, request)).groups
    return int(group.authorized_operations)


async def test_who_may_do_everything_is_told_everything(services: Services, ask: Ask) -> None:
    session = await signed_in(services, ask)

    assert await of_cluster(ask, session) == EVERYTHING[ResourceType.CLUSTER]
    assert await of_cluster_by_metadata(ask, session) == EVERYTHING[ResourceType.CLUSTER]
    assert await of_topic(ask, session, "raw.open") == EVERYTHING[ResourceType.TOPIC]
    assert await of_topic_by_page(ask, session, "raw.open") == EVERYTHING[ResourceType.TOPIC]
    assert await of_group(ask, session, "readers") == EVERYTHING[ResourceType.GROUP]
    assert await of_new_group(ask, session) == EVERYTHING[ResourceType.GROUP]


async def test_others_are_told_what_they_may_do(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "127.0.0.1")

    assert await of_topic(ask, session, "raw.open") == STRANGERS
    assert await of_topic_by_page(ask, session, "raw.open") == STRANGERS
    group = await of_group(ask, session, "readers")
    assert group == bits([Operation.READ, Operation.DESCRIBE])


async def test_who_may_not_describe_is_told_nothing(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "127.0.0.1")

    assert await of_cluster(ask, session) == 0, "though it may write idempotently"
    assert await of_cluster_by_metadata(ask, session) == 0
    assert await of_topic(ask, session, "events.log") == NOT_ASKED_FOR
    assert await of_topic_by_page(ask, session, "events.log") == NOT_ASKED_FOR
    assert await of_group(ask, session, "tocsin.sink") == NOT_ASKED_FOR


async def test_who_does_not_ask_is_not_told(services: Services, ask: Ask) -> None:
    session = await signed_in(services, ask)

    assert await of_cluster(ask, session, asked=False) == NOT_ASKED_FOR
    assert await of_cluster_by_metadata(ask, session, asked=False) == NOT_ASKED_FOR
    assert await of_topic(ask, session, "raw.open", asked=False) == NOT_ASKED_FOR
    assert await of_group(ask, session, "readers", asked=False) == NOT_ASKED_FOR
    assert await of_new_group(ask, session, asked=False) == NOT_ASKED_FOR
