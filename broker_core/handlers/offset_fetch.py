"""API key 9, OffsetFetch, versions 1 to 9: how far groups have read.

One group up to version 7, several since 8 (KIP-709). Who may use a group may see all that it has
committed, and it can only have committed what it may read. Where a transaction that has not ended
has committed an offset, who asks for stable offsets (KIP-447) is told to ask again. A member of a
group of the new protocol (KIP-848) is told in its own epoch only.

Not done: topic ids (version 10).
"""

from dataclasses import replace

from broker_core.acl import Operation
from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartition,
    OffsetFetchResponseTopic,
)


async def handle(request: OffsetFetchRequest, call: Call) -> OffsetFetchResponse:
    """Answer for the groups that the client may use, refuse the others."""
    if call.version < 8:
        if refusal := call.group_refusal(request.group_id, Operation.DESCRIBE):
            return _refuse_one(request, refusal)
        return await call.services.groups.fetch_offsets(request)
    refusals = {
        group.group_id: call.group_refusal(group.group_id, Operation.DESCRIBE)
        for group in request.groups
    }
    allowed = tuple(group for group in request.groups if not refusals[group.group_id])
    answer = await call.services.groups.fetch_offsets(replace(request, groups=allowed))
    refused = tuple(
        OffsetFetchResponseGroup(
            group_id=group.group_id, topics=(), error_code=refusals[group.group_id]
        )
        for group in request.groups
        if refusals[group.group_id]
    )
    return replace(answer, groups=answer.groups + refused)


def _refuse_one(request: OffsetFetchRequest, refusal: ErrorCode) -> OffsetFetchResponse:
    """Version 1 has an error code for partitions only, so it is said there too."""
    return OffsetFetchResponse(
        error_code=refusal,
        topics=tuple(
            OffsetFetchResponseTopic(
                name=topic.name,
                partitions=tuple(
                    OffsetFetchResponsePartition(
                        partition_index=number, committed_offset=-1, metadata="", error_code=refusal
                    )
                    for number in topic.partition_indexes
                ),
            )
            for topic in request.topics or ()
        ),
    )
