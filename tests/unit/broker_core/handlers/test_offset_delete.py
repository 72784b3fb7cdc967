"""Who may have offsets forgotten; what that means is the coordinator's (test_group_registry)."""

import pytest

from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol import api_keys
from broker_core.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from broker_core.protocol.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestTopic,
)
from tests.support.broker_requests import Ask, signed_in

REQUEST = OffsetDeleteRequest(
    group_id="g",
    topics=(
        OffsetDeleteRequestTopic(
            name="raw.open", partitions=(OffsetDeleteRequestPartition(partition_index=0),)
        ),
    ),
)


@pytest.fixture(autouse=True)
async def committed(services: Services) -> None:
    partitions = tuple(
        OffsetCommitRequestPartition(
            partition_index=number, committed_offset=7, committed_metadata=""
        )
        for number in (0, 1)
    )
    topic = OffsetCommitRequestTopic(name="raw.open", partitions=partitions)
    await services.groups.commit_offsets(
        OffsetCommitRequest(group_id="g", member_id="", topics=(topic,))
    )


async def offsets(services: Services) -> list[int]:
    wanted = OffsetFetchRequestTopic(name="raw.open", partition_indexes=(0, 1))
    answer = await services.groups.fetch_offsets(OffsetFetchRequest(group_id="g", topics=(wanted,)))
    return [partition.committed_offset for partition in answer.topics[0].partitions]


async def test_a_user_has_one_offset_forgotten_and_the_other_stays(
    services: Services, ask: Ask
) -> None:
    response = await ask(await signed_in(services, ask), api_keys.OFFSET_DELETE, 0, REQUEST)

    assert response.error_code == ErrorCode.NONE
    assert response.topics[0].partitions[0].error_code == ErrorCode.NONE
    assert await offsets(services) == [-1, 7]


async def test_who_has_not_signed_in_deletes_nothing(services: Services, ask: Ask) -> None:
    response = await ask(ClientSession(services, "127.0.0.1"), api_keys.OFFSET_DELETE, 0, REQUEST)

    assert response.error_code == ErrorCode.GROUP_AUTHORIZATION_FAILED
    assert await offsets(services) == [7, 7]
