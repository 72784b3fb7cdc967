"""API key 14, SyncGroup, versions 0 to 5: bring and fetch the assignment of a generation.

Not done: nothing that is known of.
"""

from broker_core.handlers.services import Call
from broker_core.protocol.messages.sync_group import SyncGroupRequest, SyncGroupResponse


async def handle(request: SyncGroupRequest, call: Call) -> SyncGroupResponse:
    """Wait for the leader's assignment, if the client may use the group."""
    if refusal := call.group_refusal(request.group_id):
        return SyncGroupResponse(error_code=refusal, assignment=b"")
    return await call.services.groups.sync(request)
