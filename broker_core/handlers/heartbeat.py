"""API key 12, Heartbeat, versions 0 to 4: a member is alive.

Not done: nothing that is known of.
"""

from broker_core.handlers.services import Call
from broker_core.protocol.messages.heartbeat import HeartbeatRequest, HeartbeatResponse


async def handle(request: HeartbeatRequest, call: Call) -> HeartbeatResponse:
    """Note it, if the client may use the group."""
    if refusal := call.group_refusal(request.group_id):
        return HeartbeatResponse(error_code=refusal)
    return await call.services.groups.heartbeat(request)
