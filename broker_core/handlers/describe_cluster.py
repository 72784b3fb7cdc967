"""API key 60, DescribeCluster, versions 0 to 1: the cluster's id and its brokers.

Not done: controllers as endpoints (endpoint type 2).
"""

from dataclasses import replace

from broker_core.acl import ResourceType
from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)

BROKERS = 1


async def handle(request: DescribeClusterRequest, call: Call) -> DescribeClusterResponse:
    """Describe the brokers that are alive."""
    state = call.services.topology.state
    if request.endpoint_type != BROKERS:
        return DescribeClusterResponse(
            error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message="only brokers (endpoint type 1) are described",
            endpoint_type=request.endpoint_type,
            cluster_id=state.cluster_id,
            brokers=(),
        )
    answer = DescribeClusterResponse(
        error_code=ErrorCode.NONE,
        cluster_id=state.cluster_id,
        controller_id=call.services.settings.node_id,  # it hands on what is the controller's
        brokers=tuple(
            DescribeClusterBroker(broker_id=node.node_id, host=node.host, port=node.port)
            for node in state.nodes.values()
            if not node.fenced
        ),
    )
    if not request.include_cluster_authorized_operations:
        return answer
    return replace(
        answer, cluster_authorized_operations=call.authorized_operations(ResourceType.CLUSTER)
    )
