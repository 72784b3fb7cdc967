"""OffsetForLeaderEpoch on a node that has never had another leader."""

import pytest

from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import OFFSET_FOR_LEADER_EPOCH
from broker_core.protocol.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from tests.support.broker_requests import Ask
from tests.support.partition import batch


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize(
    ("topic", "current", "epoch", "answer"),
    [
        ("raw.open", 0, 0, (ErrorCode.NONE, 0, 3)),
        ("raw.open", -1, 0, (ErrorCode.NONE, 0, 3)),
        ("raw.open", 0, 1, (ErrorCode.NONE, -1, -1)),
        ("raw.open", 1, 0, (ErrorCode.UNKNOWN_LEADER_EPOCH, -1, -1)),
        ("raw.none", 0, 0, (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1, -1)),
        ("events.log", 0, 0, (ErrorCode.TOPIC_AUTHORIZATION_FAILED, -1, -1)),
    ],
)
async def test_the_only_epoch_ends_with_the_log(
    services: Services,
    ask: Ask,
    version: int,
    topic: str,
    current: int,
    epoch: int,
    answer: tuple[int, int, int],
) -> None:
    services.replicas.leading("raw.open", 0).append(batch(b"a", b"b", b"c"))
    partition = OffsetForLeaderPartition(
        partition=0, current_leader_epoch=current, leader_epoch=epoch
    )
    request = OffsetForLeaderEpochRequest(
        topics=(OffsetForLeaderTopic(topic=topic, partitions=(partition,)),)
    )

    session = ClientSession(services, "127.0.0.1")
    response = await ask(session, OFFSET_FOR_LEADER_EPOCH, version, request)

    (found,) = response.topics[0].partitions
    assert (found.error_code, found.leader_epoch, found.end_offset) == answer
