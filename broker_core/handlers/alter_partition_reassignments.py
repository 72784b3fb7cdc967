"""API key 45, AlterPartitionReassignments, version 0: let other nodes hold partitions (KIP-455).

Those that are new fetch what there is; once they are in sync, those that are to go are dropped. A
node that is alone can be named, and nobody else.

Not done: throttles, which Kafka keeps as settings of brokers; the time limit.
"""

from broker_core.acl import Operation, ResourceType
from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.api_keys import ALTER_PARTITION_REASSIGNMENTS
from broker_core.protocol.messages.alter_partition_reassignments import (
    AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse,
)
from broker_core.replication import partition_changes
from broker_core.replication.controller_state import ControllerState


async def handle(
    request: AlterPartitionReassignmentsRequest, call: Call
) -> AlterPartitionReassignmentsResponse:
    """Ask the controller; each partition has its own outcome."""
    if not call.may(Operation.ALTER, ResourceType.CLUSTER):
        return AlterPartitionReassignmentsResponse(
            error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
            error_message="moving partitions needs ALTER on the cluster",
        )
    topology = call.services.topology
    if topology.controller is not None:
        response: AlterPartitionReassignmentsResponse = await topology.controller.forward(
            request, ALTER_PARTITION_REASSIGNMENTS.max_version
        )
        return response
    _, alone = partition_changes.reassign(ControllerState(cluster=topology.state), request)
    return alone
