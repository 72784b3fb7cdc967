"""API key 47, OffsetDelete, version 0: forget what a group has committed for some partitions.

A topic that a member of the group reads keeps its offsets (GROUP_SUBSCRIBED_TO_TOPIC, KIP-496).

Not done: nothing that is known of.
"""

from broker_core.acl import Operation
from broker_core.handlers.services import Call
from broker_core.protocol.messages.offset_delete import OffsetDeleteRequest, OffsetDeleteResponse


async def handle(request: OffsetDeleteRequest, call: Call) -> OffsetDeleteResponse:
    """Forget them, if the client may."""
    if refusal := call.group_refusal(request.group_id, Operation.DELETE):
        return OffsetDeleteResponse(error_code=refusal)
    return await call.services.groups.delete_offsets(request)
