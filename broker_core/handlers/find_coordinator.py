"""API key 10, FindCoordinator, versions 0 to 4: who coordinates a group or a transactional id.

It is the leader of the partition of __consumer_offsets, or of __transaction_state, that holds it.

Since version 4 several keys are asked for at once (KIP-699).

Not done: share groups (key type 2).
"""

from broker_core.coordinator.shards import shard_of
from broker_core.errors import (
    BrokerError,
    CoordinatorNotAvailable,
    GroupAuthorizationFailed,
    InvalidRequest,
    TransactionalIdAuthorizationFailed,
)
from broker_core.handlers.internal_topics import make_sure_of
from broker_core.handlers.services import Call
from broker_core.log.file_layout import CONSUMER_OFFSETS, TRANSACTION_STATE
from broker_core.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from broker_core.replication.cluster_state import Node

GROUP = 0
TRANSACTION = 1


async def handle(request: FindCoordinatorRequest, call: Call) -> FindCoordinatorResponse:
    """Answer in the request's form."""
    if call.version >= 4:
        found = [await _find(key, request.key_type, call) for key in request.coordinator_keys]
        return FindCoordinatorResponse(coordinators=tuple(found))
    one = await _find(request.key, request.key_type, call)
    return FindCoordinatorResponse(
        error_code=one.error_code,
        error_message=one.error_message,
        node_id=one.node_id,
        host=one.host,
        port=one.port,
    )


async def _find(key: str, key_type: int, call: Call) -> Coordinator:
    try:
        node = await _leader(_internal_topic(key, key_type, call), key, call)
    except BrokerError as error:
        return Coordinator(
            key=key, node_id=-1, host="", port=-1, error_code=error.code, error_message=str(error)
        )
    return Coordinator(
        key=key,
        node_id=node.node_id,
        host=node.host,
        port=node.port,
        error_code=0,
        error_message=None,
    )


def _internal_topic(key: str, key_type: int, call: Call) -> str:
    if key_type == GROUP:
        if not call.may_see_group(key):
            raise GroupAuthorizationFailed(key)
        return CONSUMER_OFFSETS
    if key_type == TRANSACTION:
        if not call.may_see_transactional_id(key):
            raise TransactionalIdAuthorizationFailed(key)
        return TRANSACTION_STATE
    raise InvalidRequest(f"nothing of key type {key_type} is coordinated here")


async def _leader(internal_topic: str, key: str, call: Call) -> Node:
    topic = await make_sure_of(internal_topic, call)
    state = call.services.topology.state
    leader = topic.partitions[shard_of(key, len(topic.partitions))].leader
    if not state.is_alive(leader):
        raise CoordinatorNotAvailable(f"nobody leads the partition of {internal_topic}")
    return state.nodes[leader]
