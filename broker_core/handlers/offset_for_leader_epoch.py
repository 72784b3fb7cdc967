"""API key 23, OffsetForLeaderEpoch, versions 2 to 4: where a leader epoch ends (KIP-320).

A consumer whose leader changed learns by it whether what it read last is still in the log.

Not done: nothing that is known of.
"""

from broker_core.errors import BrokerError, ErrorCode, TopicAuthorizationFailed
from broker_core.handlers.services import Call
from broker_core.protocol.messages.offset_for_leader_epoch import (
    EpochEndOffset,
    OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition,
    OffsetForLeaderTopicResult,
)


async def handle(request: OffsetForLeaderEpochRequest, call: Call) -> OffsetForLeaderEpochResponse:
    """Look every partition up; each has its own outcome."""
    return OffsetForLeaderEpochResponse(
        topics=tuple(
            OffsetForLeaderTopicResult(
                topic=topic.topic,
                partitions=tuple(
                    _answer(topic.topic, partition, call) for partition in topic.partitions
                ),
            )
            for topic in request.topics
        )
    )


def _answer(topic: str, asked: OffsetForLeaderPartition, call: Call) -> EpochEndOffset:
    try:
        if not call.may_see(topic):
            raise TopicAuthorizationFailed(topic)
        replica = call.services.replicas.leading(topic, asked.partition, asked.current_leader_epoch)
    except BrokerError as error:
        return EpochEndOffset(error_code=error.code, partition=asked.partition)
    end = replica.end_of_epoch(asked.leader_epoch)
    return EpochEndOffset(
        error_code=ErrorCode.NONE,
        partition=asked.partition,
        leader_epoch=end.epoch,
        end_offset=end.end_offset,
    )
