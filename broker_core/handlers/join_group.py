"""API key 11, JoinGroup, versions 0 to 9: become a member of a group, wait for its rebalance.

Static members (KIP-345), the member id handshake (KIP-394) and skipped assignments (KIP-814) are
the coordinator's.

Not done: the reason a member gives (KIP-800) is not kept.
"""

from broker_core.coordinator.group_answers import join_response
from broker_core.coordinator.member import Joined
from broker_core.handlers.services import Call
from broker_core.protocol.messages.join_group import JoinGroupRequest, JoinGroupResponse


async def handle(request: JoinGroupRequest, call: Call) -> JoinGroupResponse:
    """Join, if the client may use the group."""
    if refusal := call.group_refusal(request.group_id):
        return join_response(Joined(error=refusal, member_id=request.member_id))
    return await call.services.groups.join(
        request, version=call.version, client_id=call.client_id, client_host=call.client.host
    )
