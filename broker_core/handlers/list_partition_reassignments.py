"""API key 46, ListPartitionReassignments, version 0: partitions on their way to other nodes.

Not done: the time limit; nothing is waited for.
"""

from broker_core.acl import Operation, ResourceType
from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.list_partition_reassignments import (
    ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse,
)
from broker_core.replication import partition_changes
from broker_core.replication.controller_state import ControllerState


async def handle(
    request: ListPartitionReassignmentsRequest, call: Call
) -> ListPartitionReassignmentsResponse:
    """Answer from what this node was told."""
    if not call.may(Operation.DESCRIBE, ResourceType.CLUSTER):
        return ListPartitionReassignmentsResponse(
            error_code=ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
            error_message="seeing reassignments needs DESCRIBE on the cluster",
        )
    state = ControllerState(cluster=call.services.topology.state)
    _, response = partition_changes.list_reassignments(state, request)
    return response
