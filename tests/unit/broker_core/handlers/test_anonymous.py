"""What an anonymous client on loopback may do: raw topics and foreign groups, nothing else."""

from typing import Any

import pytest

from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol import api_keys
from broker_core.protocol.api_keys import Api
from broker_core.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsTopic,
)
from broker_core.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from broker_core.protocol.messages.delete_groups import DeleteGroupsRequest
from broker_core.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from broker_core.protocol.messages.delete_topics import DeleteTopicsRequest
from broker_core.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
)
from broker_core.protocol.messages.describe_groups import DescribeGroupsRequest
from broker_core.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from broker_core.protocol.messages.find_coordinator import FindCoordinatorRequest
from broker_core.protocol.messages.heartbeat import HeartbeatRequest
from broker_core.protocol.messages.incremental_alter_configs import (
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from broker_core.protocol.messages.init_producer_id import InitProducerIdRequest
from broker_core.protocol.messages.join_group import JoinGroupRequest
from broker_core.protocol.messages.leave_group import LeaveGroupRequest
from broker_core.protocol.messages.list_groups import ListGroupsRequest
from broker_core.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsTopic,
)
from broker_core.protocol.messages.metadata import MetadataRequest, MetadataRequestTopic
from broker_core.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
)
from broker_core.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from broker_core.protocol.messages.sync_group import SyncGroupRequest
from broker_core.protocol.record_batch import Record, build_batch
from tests.support.broker_requests import Ask

TOPIC, GROUP = (
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ErrorCode.GROUP_AUTHORIZATION_FAILED,
)
OURS = "tocsin.sinks"
BATCH = build_batch([Record(0, 1, None, b"x")])


def produce(topic: str) -> ProduceRequest:
    data = PartitionProduceData(index=0, records=BATCH)
    return ProduceRequest(
        acks=-1, timeout_ms=1000, topic_data=(TopicProduceData(name=topic, partition_data=(data,)),)
    )


def fetch(topic: str) -> FetchRequest:
    partition = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    return FetchRequest(
        max_wait_ms=0, min_bytes=1, topics=(FetchTopic(topic=topic, partitions=(partition,)),)
    )


def commit(group: str, *topics: str) -> OffsetCommitRequest:
    partition = OffsetCommitRequestPartition(
        partition_index=0, committed_offset=1, committed_metadata=""
    )
    return OffsetCommitRequest(
        group_id=group,
        member_id="",
        topics=tuple(
            OffsetCommitRequestTopic(name=topic, partitions=(partition,)) for topic in topics
        ),
    )


REFUSED: list[tuple[Api, int, object, ErrorCode]] = [
    (api_keys.PRODUCE, 9, produce("events.log"), TOPIC),
    (api_keys.FETCH, 12, fetch("events.log"), TOPIC),
    (
        api_keys.LIST_OFFSETS,
        6,
        ListOffsetsRequest(
            replica_id=-1,
            topics=(
                ListOffsetsTopic(
                    name="events.log",
                    partitions=(ListOffsetsPartition(partition_index=0, timestamp=-1),),
                ),
            ),
        ),
        TOPIC,
    ),
    (
        api_keys.METADATA,
        9,
        MetadataRequest(topics=(MetadataRequestTopic(name="events.log"),)),
        TOPIC,
    ),
    (api_keys.METADATA, 9, MetadataRequest(topics=(MetadataRequestTopic(name="nope"),)), TOPIC),
    (api_keys.FIND_COORDINATOR, 3, FindCoordinatorRequest(key=OURS), GROUP),
    (
        api_keys.JOIN_GROUP,
        7,
        JoinGroupRequest(
            group_id=OURS,
            session_timeout_ms=6000,
            member_id="",
            protocol_type="consumer",
            protocols=(),
        ),
        GROUP,
    ),
    (
        api_keys.SYNC_GROUP,
        5,
        SyncGroupRequest(group_id=OURS, generation_id=1, member_id="m", assignments=()),
        GROUP,
    ),
    (
        api_keys.HEARTBEAT,
        4,
        HeartbeatRequest(group_id=OURS, generation_id=1, member_id="m"),
        GROUP,
    ),
    (api_keys.LEAVE_GROUP, 2, LeaveGroupRequest(group_id=OURS, member_id="m"), GROUP),
    (api_keys.OFFSET_COMMIT, 8, commit(OURS, "raw.open"), GROUP),
    (api_keys.OFFSET_COMMIT, 8, commit("mine", "events.log"), TOPIC),
    (
        api_keys.OFFSET_FETCH,
        1,
        OffsetFetchRequest(
            group_id=OURS,
            topics=(OffsetFetchRequestTopic(name="raw.open", partition_indexes=(0,)),),
        ),
        GROUP,
    ),
    (
        api_keys.OFFSET_FETCH,
        8,
        OffsetFetchRequest(groups=(OffsetFetchRequestGroup(group_id=OURS, topics=None),)),
        GROUP,
    ),
    (api_keys.DESCRIBE_GROUPS, 5, DescribeGroupsRequest(groups=(OURS,)), GROUP),
    (api_keys.DELETE_GROUPS, 2, DeleteGroupsRequest(groups_names=("mine",)), GROUP),
    (
        api_keys.CREATE_TOPICS,
        7,
        CreateTopicsRequest(
            topics=(
                CreatableTopic(
                    name="raw.mine",
                    num_partitions=1,
                    replication_factor=1,
                    assignments=(),
                    configs=(),
                ),
            ),
            timeout_ms=1000,
        ),
        TOPIC,
    ),
    (
        api_keys.DELETE_TOPICS,
        5,
        DeleteTopicsRequest(topic_names=("raw.open",), timeout_ms=1000),
        TOPIC,
    ),
    (
        api_keys.CREATE_PARTITIONS,
        3,
        CreatePartitionsRequest(
            topics=(CreatePartitionsTopic(name="raw.open", count=4, assignments=None),),
            timeout_ms=1000,
            validate_only=False,
        ),
        TOPIC,
    ),
    (
        api_keys.DELETE_RECORDS,
        2,
        DeleteRecordsRequest(
            topics=(
                DeleteRecordsTopic(
                    name="raw.open",
                    partitions=(DeleteRecordsPartition(partition_index=0, offset=-1),),
                ),
            ),
            timeout_ms=1000,
        ),
        TOPIC,
    ),
    (
        api_keys.DESCRIBE_CONFIGS,
        4,
        DescribeConfigsRequest(
            resources=(
                DescribeConfigsResource(
                    resource_type=2, resource_name="events.log", configuration_keys=None
                ),
            )
        ),
        TOPIC,
    ),
    (
        api_keys.INCREMENTAL_ALTER_CONFIGS,
        1,
        IncrementalAlterConfigsRequest(
            resources=(
                AlterConfigsResource(resource_type=2, resource_name="raw.open", configs=()),
            ),
            validate_only=False,
        ),
        TOPIC,
    ),
]


def error_codes(response: Any) -> set[int]:
    """Every error code anywhere in a response, but for 0."""
    found: set[int] = set()
    for name in response.__dataclass_fields__:
        value = getattr(response, name)
        if name == "error_code" and value:
            found.add(value)
        elif isinstance(value, tuple):
            for each in value:
                if hasattr(each, "__dataclass_fields__"):
                    found |= error_codes(each)
    return found


@pytest.mark.parametrize(
    ("api", "version", "request_", "code"),
    REFUSED,
    ids=[f"{api.name}-v{version}-{code.name}" for api, version, _, code in REFUSED],
)
async def test_what_is_not_theirs_is_refused(
    services: Services, ask: Ask, api: Api, version: int, request_: object, code: ErrorCode
) -> None:
    answer = await ask(ClientSession(services, "127.0.0.1"), api, version, request_)

    assert error_codes(answer) == {code}


async def test_they_may_write_and_read_raw_topics(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "127.0.0.1")

    given = await ask(
        session,
        api_keys.INIT_PRODUCER_ID,
        4,
        InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0),
    )
    written = await ask(session, api_keys.PRODUCE, 9, produce("raw.open"))
    read = await ask(session, api_keys.FETCH, 12, fetch("raw.open"))
    committed = await ask(session, api_keys.OFFSET_COMMIT, 8, commit("mine", "raw.open"))

    assert error_codes(given) | error_codes(written) | error_codes(read) == set()
    assert error_codes(committed) == set()
    assert bytes(read.responses[0].partitions[0].records)[16:] == BATCH[16:]


async def test_they_see_only_what_they_may_use(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "127.0.0.1")
    services_session = ClientSession(services, "127.0.0.1")
    await ask(services_session, api_keys.OFFSET_COMMIT, 8, commit("mine", "raw.open"))

    shown = await ask(session, api_keys.METADATA, 12, MetadataRequest(topics=None))
    groups = await ask(session, api_keys.LIST_GROUPS, 4, ListGroupsRequest())

    assert [topic.name for topic in shown.topics] == ["raw.open"]
    assert [group.group_id for group in groups.groups] == ["mine"]


async def test_a_commit_for_several_topics_is_refused_by_topic(
    services: Services, ask: Ask
) -> None:
    session = ClientSession(services, "127.0.0.1")
    request = commit("mine", "events.log", "raw.open")

    answer = await ask(session, api_keys.OFFSET_COMMIT, 8, request)

    outcome = {topic.name: topic.partitions[0].error_code for topic in answer.topics}
    assert outcome == {"raw.open": 0, "events.log": TOPIC}
