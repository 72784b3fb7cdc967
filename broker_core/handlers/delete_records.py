"""API key 21, DeleteRecords, versions 0 to 2: forget the oldest records of partitions.

The new log start is on disk when the answer arrives; the files go when retention next looks. In a
cluster copies start there as soon as they fetch next.

Not done: compacted topics refuse it in Kafka; here they do not. Waiting for the copies (KIP-107).
"""

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    TopicAuthorizationFailed,
)
from broker_core.handlers.services import Call, is_internal
from broker_core.protocol.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsPartitionResult,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopicResult,
)

HIGH_WATERMARK = -1


async def handle(request: DeleteRecordsRequest, call: Call) -> DeleteRecordsResponse:
    """Move the log starts one after the other; each has its own outcome."""
    topics = []
    for topic in request.topics:
        results = [await _answer(topic.name, partition, call) for partition in topic.partitions]
        topics.append(DeleteRecordsTopicResult(name=topic.name, partitions=tuple(results)))
    return DeleteRecordsResponse(topics=tuple(topics))


async def _answer(
    topic: str, asked: DeleteRecordsPartition, call: Call
) -> DeleteRecordsPartitionResult:
    try:
        low_watermark = await _delete(topic, asked, call)
    except BrokerError as error:
        return DeleteRecordsPartitionResult(
            partition_index=asked.partition_index, low_watermark=-1, error_code=error.code
        )
    return DeleteRecordsPartitionResult(
        partition_index=asked.partition_index, low_watermark=low_watermark, error_code=0
    )


async def _delete(topic: str, asked: DeleteRecordsPartition, call: Call) -> int:
    if not call.may(Operation.DELETE, ResourceType.TOPIC, topic) or is_internal(topic):
        raise TopicAuthorizationFailed(topic)
    log = call.services.replicas.leading(topic, asked.partition_index).log
    offset = log.high_watermark if asked.offset == HIGH_WATERMARK else asked.offset
    low_watermark = log.truncate_before(offset)
    await call.services.commit.flush(log)
    return low_watermark
