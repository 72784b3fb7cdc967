"""API key 13, LeaveGroup, versions 0 to 5: members leave at once instead of timing out.

Not done: the reason a member gives (KIP-800) is not kept.
"""

from broker_core.handlers.services import Call
from broker_core.protocol.messages.leave_group import LeaveGroupRequest, LeaveGroupResponse


async def handle(request: LeaveGroupRequest, call: Call) -> LeaveGroupResponse:
    """Let them leave, if the client may use the group."""
    if refusal := call.group_refusal(request.group_id):
        return LeaveGroupResponse(error_code=refusal)
    return await call.services.groups.leave(request)
