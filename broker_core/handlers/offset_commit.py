"""API key 8, OffsetCommit, versions 2 to 9: remember how far a group has read.

The offsets are on disk when the answer arrives. Their metadata is kept.

Not done: retention by the time the client gives (versions 2 to 4); offsets stay as long as their
group has any and their topic exists.
"""

from dataclasses import replace

from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)


async def handle(request: OffsetCommitRequest, call: Call) -> OffsetCommitResponse:
    """Commit what the client may, refuse the rest by topic."""
    if refusal := call.group_refusal(request.group_id):
        refused = [_refuse(topic, refusal) for topic in request.topics]
        return OffsetCommitResponse(topics=tuple(refused))
    allowed = [topic for topic in request.topics if call.may_read(topic.name)]
    if len(allowed) == len(request.topics):
        return await call.services.groups.commit_offsets(request)
    committed = await call.services.groups.commit_offsets(replace(request, topics=tuple(allowed)))
    refused = [
        _refuse(topic, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
        for topic in request.topics
        if not call.may_read(topic.name)
    ]
    return OffsetCommitResponse(topics=(*committed.topics, *refused))


def _refuse(topic: OffsetCommitRequestTopic, error: ErrorCode) -> OffsetCommitResponseTopic:
    return OffsetCommitResponseTopic(
        name=topic.name,
        partitions=tuple(
            OffsetCommitResponsePartition(partition_index=each.partition_index, error_code=error)
            for each in topic.partitions
        ),
    )
