"""API key 2, ListOffsets, versions 1 to 8: the offset for a time, or the first, last or newest.

Times: -1 the high watermark, -2 the log start, -3 the record with the largest timestamp (KIP-734,
version 7), -4 the log start on this machine (version 8, the same as -2). Any other time is
answered exactly, which may look inside one batch, so it is done in a thread. For a read_committed
consumer the last stable offset stands for the high watermark.

Not done: leader epochs of old offsets (always 0), tiered storage.
"""

import asyncio

from broker_core.errors import (
    BrokerError,
    InvalidRequest,
    TopicAuthorizationFailed,
)
from broker_core.handlers.services import Call
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsPartitionResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopicResponse,
)

LATEST = -1
EARLIEST = -2
MAX_TIMESTAMP = -3
EARLIEST_LOCAL = -4
READ_COMMITTED = 1
_NOTHING = (-1, -1)


async def handle(request: ListOffsetsRequest, call: Call) -> ListOffsetsResponse:
    """Look every partition up, one after the other."""
    is_committed = request.isolation_level == READ_COMMITTED
    topics = []
    for topic in request.topics:
        answers = [
            await _answer(topic.name, partition, is_committed, call)
            for partition in topic.partitions
        ]
        topics.append(ListOffsetsTopicResponse(name=topic.name, partitions=tuple(answers)))
    return ListOffsetsResponse(topics=tuple(topics))


async def _answer(
    topic: str, asked: ListOffsetsPartition, is_committed: bool, call: Call
) -> ListOffsetsPartitionResponse:
    try:
        if not call.may_see(topic):
            raise TopicAuthorizationFailed(topic)
        replica = call.services.replicas.leading(
            topic, asked.partition_index, asked.current_leader_epoch
        )
        log = replica.log
        end = log.last_stable_offset if is_committed else log.high_watermark
        offset, timestamp = await _look_up(log, asked.timestamp, end)
    except BrokerError as error:
        return ListOffsetsPartitionResponse(
            partition_index=asked.partition_index,
            error_code=error.code,
            timestamp=-1,
            offset=-1,
        )
    return ListOffsetsPartitionResponse(
        partition_index=asked.partition_index,
        error_code=0,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=replica.leader_epoch,
    )


async def _look_up(log: PartitionLog, time: int, end: int) -> tuple[int, int]:
    if time == LATEST:
        return end, -1
    if time in (EARLIEST, EARLIEST_LOCAL):
        return log.log_start_offset, -1
    if time == MAX_TIMESTAMP:
        return await asyncio.to_thread(log.latest_time, end) or _NOTHING
    if time < 0:
        raise InvalidRequest(f"timestamp {time}")
    return await asyncio.to_thread(log.offset_for_time, time, end) or _NOTHING
