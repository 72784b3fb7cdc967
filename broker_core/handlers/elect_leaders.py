"""API key 43, ElectLeaders, versions 0 to 2: let preferred replicas lead, or any where none can.

Type 0 elects the first replica of each partition, type 1 any live one where none is in sync. A
node that is alone leads all it has, so nothing is ever needed of it.

Not done: the time limit; the answer comes as soon as the controller has decided.
"""

from broker_core.acl import Operation, ResourceType
from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.api_keys import ELECT_LEADERS
from broker_core.protocol.messages.elect_leaders import ElectLeadersRequest, ElectLeadersResponse
from broker_core.replication import partition_changes
from broker_core.replication.controller_state import ControllerState


async def handle(request: ElectLeadersRequest, call: Call) -> ElectLeadersResponse:
    """Ask the controller; each partition has its own outcome."""
    if not call.may(Operation.ALTER, ResourceType.CLUSTER):
        return ElectLeadersResponse(error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
    topology = call.services.topology
    if topology.controller is not None:
        response: ElectLeadersResponse = await topology.controller.forward(
            request, ELECT_LEADERS.max_version
        )
        return response
    _, alone = partition_changes.elect_leaders(ControllerState(cluster=topology.state), request)
    return alone
