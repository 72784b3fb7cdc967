"""API key 75, DescribeTopicPartitions, version 0: partitions page by page (KIP-966).

Topics come in the order of their names, partitions in that of their numbers. A page has at most
:data:`MAX_PARTITIONS` partitions or what the client allows, whichever is less; a cursor says where
the next one begins, and what is before a cursor is skipped. A topic that the client may not see is
told only to who names it, and then as TOPIC_AUTHORIZATION_FAILED: nobody learns what exists.

Not done: eligible leader replicas (KIP-966's ELR; only members of the in-sync set lead here, so
both lists are empty).
"""

from collections.abc import Iterator

from broker_core.acl import ResourceType
from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call, is_internal
from broker_core.protocol.messages.describe_topic_partitions import (
    Cursor,
    DescribedPartition,
    DescribedTopic,
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsResponse,
)
from broker_core.protocol.primitives import NO_UUID
from broker_core.replication.cluster_state import ClusterState, Partition, Topic

MAX_PARTITIONS = 2000  # of one page; Kafka's max.request.partition.size.limit


async def handle(
    request: DescribeTopicPartitionsRequest, call: Call
) -> DescribeTopicPartitionsResponse:
    """Fill one page."""
    cursor = request.cursor
    if cursor is not None and cursor.partition_index < 0:
        invalid = ErrorCode.INVALID_REQUEST
        return _page([_refused(topic.name, invalid) for topic in request.topics], None)
    state = call.services.topology.state
    room = max(1, min(MAX_PARTITIONS, request.response_partition_limit))
    page: list[DescribedTopic] = []
    for name in _names(request, call):
        topic = state.topics.get(name)
        if not call.may_see(name):
            page.append(_refused(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED))
            continue
        if topic is None:
            page.append(_refused(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
            continue
        first = cursor.partition_index if cursor is not None and cursor.topic_name == name else 0
        if room == 0:
            return _page(page, Cursor(topic_name=name, partition_index=first))
        shown = topic.partitions[first : first + room]
        operations = call.authorized_operations(ResourceType.TOPIC, name)
        page.append(_describe(topic, shown, state, operations))
        room -= len(shown)
        if first + len(shown) < len(topic.partitions):
            return _page(page, Cursor(topic_name=name, partition_index=first + len(shown)))
    return _page(page, None)


def _names(request: DescribeTopicPartitionsRequest, call: Call) -> Iterator[str]:
    """What is asked for, from the cursor on."""
    if request.topics:
        names = {topic.name for topic in request.topics}
    else:
        names = {name for name in call.services.topology.state.topics if call.may_see(name)}
    begin = "" if request.cursor is None else request.cursor.topic_name
    return (name for name in sorted(names) if name >= begin)


def _page(topics: list[DescribedTopic], cursor: Cursor | None) -> DescribeTopicPartitionsResponse:
    return DescribeTopicPartitionsResponse(topics=tuple(topics), next_cursor=cursor)


def _refused(name: str, error: ErrorCode) -> DescribedTopic:
    return DescribedTopic(error_code=error, name=name, topic_id=NO_UUID, partitions=())


def _describe(
    topic: Topic, partitions: tuple[Partition, ...], state: ClusterState, operations: int
) -> DescribedTopic:
    return DescribedTopic(
        error_code=ErrorCode.NONE,
        name=topic.name,
        topic_id=topic.topic_id.bytes,
        is_internal=is_internal(topic.name),
        partitions=tuple(_partition(partition, state) for partition in partitions),
        topic_authorized_operations=operations,
    )


def _partition(partition: Partition, state: ClusterState) -> DescribedPartition:
    return DescribedPartition(
        error_code=ErrorCode.LEADER_NOT_AVAILABLE if partition.is_offline else ErrorCode.NONE,
        partition_index=partition.index,
        leader_id=partition.leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=partition.replicas,
        isr_nodes=partition.isr,
        eligible_leader_replicas=(),
        last_known_elr=(),
        offline_replicas=state.offline_replicas(partition),
    )
