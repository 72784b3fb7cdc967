"""API key 60, DescribeCluster, versions 0 to 1: the cluster's id and its one broker.

Not done: authorized operations (always "unknown"), controllers as endpoints (endpoint type 2).
"""

from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.describe_cluster import (
    DescribeClusterBroker,
    DescribeClusterRequest,
    DescribeClusterResponse,
)

BROKERS = 1


async def handle(request: DescribeClusterRequest, call: Call) -> DescribeClusterResponse:
    """Describe this broker."""
    services = call.services
    node_id = services.settings.node_id
    if request.endpoint_type != BROKERS:
        return DescribeClusterResponse(
            error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message="only brokers (endpoint type 1) are described",
            endpoint_type=request.endpoint_type,
            cluster_id=services.logs.cluster_id,
            brokers=(),
        )
    broker = DescribeClusterBroker(
        broker_id=node_id, host=services.advertised_host, port=services.advertised_port
    )
    return DescribeClusterResponse(
        error_code=ErrorCode.NONE,
        cluster_id=services.logs.cluster_id,
        controller_id=node_id,
        brokers=(broker,),
    )
