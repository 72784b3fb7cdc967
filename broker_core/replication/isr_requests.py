"""Changes of in-sync sets as one AlterPartition request, and its outcome for each of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from broker_core.errors import BrokerError, ErrorCode, error_of
from broker_core.protocol.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionResponse,
    BrokerState,
    PartitionData,
    TopicData,
)
from broker_core.replication.cluster_state import Partition


@dataclass(frozen=True, slots=True)
class IsrChange:
    """What a leader asks for.

    Attributes:
        partition: As the leader knows it.
        members: Node ids, each with the node epoch that the leader knows.
    """

    partition: Partition
    members: tuple[tuple[int, int], ...]


def alter_partition_request(
    changes: Sequence[IsrChange], node_id: int, broker_epoch: int
) -> AlterPartitionRequest:
    """Return the request that asks for all of them."""
    topics: dict[bytes, list[PartitionData]] = {}
    for change in changes:
        partition = change.partition
        topics.setdefault(partition.topic_id.bytes, []).append(
            PartitionData(
                partition_index=partition.index,
                leader_epoch=partition.leader_epoch,
                new_isr_with_epochs=tuple(
                    BrokerState(broker_id=node, broker_epoch=epoch)
                    for node, epoch in change.members
                ),
                partition_epoch=partition.partition_epoch,
            )
        )
    return AlterPartitionRequest(
        broker_id=node_id,
        broker_epoch=broker_epoch,
        topics=tuple(
            TopicData(topic_id=topic_id, partitions=tuple(partitions))
            for topic_id, partitions in topics.items()
        ),
    )


def outcomes(
    changes: Sequence[IsrChange], response: AlterPartitionResponse
) -> list[int | BrokerError]:
    """Return for each change the partition's epoch after it, or why it was refused.

    The controller answers in the order of the request; two changes of one partition are told apart
    by that.
    """
    if response.error_code != ErrorCode.NONE:
        return [error_of(response.error_code, "the controller refuses") for _ in changes]
    answered: dict[tuple[bytes, int], list[int | BrokerError]] = {}
    for topic in response.topics:
        for each in topic.partitions:
            answered.setdefault((topic.topic_id, each.partition_index), []).append(
                each.partition_epoch
                if each.error_code == ErrorCode.NONE
                else error_of(each.error_code, f"partition {each.partition_index}")
            )
    found: list[int | BrokerError] = []
    for change in changes:
        key = (change.partition.topic_id.bytes, change.partition.index)
        left = answered.get(key)
        found.append(left.pop(0) if left else error_of(-1, "no answer for this partition"))
    return found
