"""The APIs of nodes among themselves and with their controller; no client is told of them.

What the controller answers besides is forwarded by nodes on behalf of their clients, and stands in
``broker_core.protocol.api_keys`` like every API that clients are told of.
"""

from collections.abc import Mapping

from broker_core.protocol.api_keys import APIS, Api
from broker_core.protocol.messages.allocate_producer_ids import (
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
)
from broker_core.protocol.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionResponse,
)
from broker_core.protocol.messages.alter_policy import AlterPolicyRequest, AlterPolicyResponse
from broker_core.protocol.messages.broker_heartbeat import (
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
)
from broker_core.protocol.messages.broker_registration import (
    BrokerRegistrationRequest,
    BrokerRegistrationResponse,
)
from broker_core.protocol.messages.verify_transaction import (
    VerifyTransactionRequest,
    VerifyTransactionResponse,
)
from broker_core.protocol.messages.watch_cluster import WatchClusterRequest, WatchClusterResponse
from broker_core.protocol.messages.write_txn_markers import (
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)

ALTER_PARTITION = Api(56, "AlterPartition", 3, 3, 0, AlterPartitionRequest, AlterPartitionResponse)
BROKER_REGISTRATION = Api(
    62, "BrokerRegistration", 3, 3, 0, BrokerRegistrationRequest, BrokerRegistrationResponse
)
BROKER_HEARTBEAT = Api(
    63, "BrokerHeartbeat", 1, 1, 0, BrokerHeartbeatRequest, BrokerHeartbeatResponse
)
ALLOCATE_PRODUCER_IDS = Api(
    67, "AllocateProducerIds", 0, 0, 0, AllocateProducerIdsRequest, AllocateProducerIdsResponse
)
WATCH_CLUSTER = Api(10000, "WatchCluster", 0, 0, 0, WatchClusterRequest, WatchClusterResponse)
ALTER_POLICY = Api(10001, "AlterPolicy", 0, 0, 0, AlterPolicyRequest, AlterPolicyResponse)

CONTROLLER_APIS: Mapping[int, Api] = {
    api.key: api
    for api in (
        ALTER_PARTITION,
        BROKER_REGISTRATION,
        BROKER_HEARTBEAT,
        ALLOCATE_PRODUCER_IDS,
        WATCH_CLUSTER,
        ALTER_POLICY,
    )
}

WRITE_TXN_MARKERS = Api(
    27, "WriteTxnMarkers", 1, 1, 1, WriteTxnMarkersRequest, WriteTxnMarkersResponse
)
VERIFY_TRANSACTION = Api(
    10002, "VerifyTransaction", 0, 0, 0, VerifyTransactionRequest, VerifyTransactionResponse
)

NODE_APIS: Mapping[int, Api] = {
    api.key: api
    for api in (
        WRITE_TXN_MARKERS,
        VERIFY_TRANSACTION,
    )
}

_BY_REQUEST = {
    api.request: api for api in (*APIS.values(), *CONTROLLER_APIS.values(), *NODE_APIS.values())
}


def api_of(request: object) -> Api:
    """Return the API that a request message belongs to."""
    return _BY_REQUEST[type(request)]
