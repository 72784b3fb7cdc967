"""Changes of in-sync sets, packed into a request and told apart in its response."""

from uuid import UUID

from broker_core.errors import BrokerError, FencedLeaderEpoch, StaleBrokerEpoch
from broker_core.protocol.messages.alter_partition import (
    AlteredPartition,
    AlteredTopic,
    AlterPartitionResponse,
)
from broker_core.replication.cluster_state import Partition
from broker_core.replication.isr_requests import IsrChange, alter_partition_request, outcomes


def change(topic: int, index: int) -> IsrChange:
    partition = Partition(
        topic=f"t{topic}",
        topic_id=UUID(int=topic),
        index=index,
        replicas=(1, 2),
        isr=(1, 2),
        leader=1,
        leader_epoch=3,
        partition_epoch=4,
    )
    return IsrChange(partition, ((1, 10),))


CHANGES = [change(1, 0), change(2, 0), change(1, 1)]


def test_a_request_asks_for_all_of_them() -> None:
    request = alter_partition_request(CHANGES, 1, 10)

    assert (request.broker_id, request.broker_epoch) == (1, 10)
    asked = [
        (UUID(bytes=topic.topic_id).int, each.partition_index, each.leader_epoch)
        for topic in request.topics
        for each in topic.partitions
    ]
    assert asked == [(1, 0, 3), (1, 1, 3), (2, 0, 3)]


def test_each_change_finds_its_outcome() -> None:
    response = AlterPartitionResponse(
        topics=(
            AlteredTopic(
                topic_id=UUID(int=1).bytes,
                partitions=(
                    AlteredPartition(partition_index=0, error_code=0, partition_epoch=5),
                    AlteredPartition(partition_index=1, error_code=74),
                ),
            ),
        )
    )

    first, missing, fenced = outcomes(CHANGES, response)

    assert first == 5
    assert type(missing) is BrokerError
    assert isinstance(fenced, FencedLeaderEpoch)


def test_a_refusal_of_all_is_everybodys_outcome() -> None:
    found = outcomes(CHANGES, AlterPartitionResponse(error_code=77))

    assert [type(each) for each in found] == [StaleBrokerEpoch] * 3
