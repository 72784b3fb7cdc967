"""API key 10, FindCoordinator, versions 0 to 4: who coordinates a group or a transactional id.

It is the leader of the partition of __consumer_offsets, or of __transaction_state, that holds it.

Since version 4 several keys are asked for at once (KIP-699).

Not done: share groups (key type 2).
"""

from broker_core.coordinator.shards import INTERNAL_CONFIG, shard_of
from broker_core.errors import (
    BrokerError,
    CoordinatorNotAvailable,
    ErrorCode,
    GroupAuthorizationFailed,
    InvalidRequest,
    TransactionalIdAuthorizationFailed,
)
from broker_core.handlers.services import Call
from broker_core.handlers.topology import FORWARDED_MS, Controller
from broker_core.log.file_layout import CONSUMER_OFFSETS, TRANSACTION_STATE
from broker_core.protocol.api_keys import CREATE_TOPICS
from broker_core.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
    CreateTopicsResponse,
)
from broker_core.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from broker_core.replication.cluster_state import Node

_TRANSACTIONS_KEPT_BY = "2"  # as Apache Kafka's transaction.state.log.min.isr; or all there are

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
    topology = call.services.topology
    if internal_topic not in topology.state.topics and topology.controller is not None:
        await _make(internal_topic, call, topology.controller)
    state = topology.state
    topic = state.topics.get(internal_topic)
    if topic is None:
        raise CoordinatorNotAvailable(f"{internal_topic} is not there yet")
    leader = topic.partitions[shard_of(key, len(topic.partitions))].leader
    if not state.is_alive(leader):
        raise CoordinatorNotAvailable(f"nobody leads the partition of {internal_topic}")
    return state.nodes[leader]


async def _make(internal_topic: str, call: Call, controller: Controller) -> None:
    """Have the controller make an internal topic, which nobody has needed before."""
    settings = call.services.settings
    partitions = {
        CONSUMER_OFFSETS: settings.groups.offsets_partitions,
        TRANSACTION_STATE: settings.transactions.state_partitions,
    }
    configs = INTERNAL_CONFIG
    if internal_topic == TRANSACTION_STATE:
        configs = {**configs, "min.insync.replicas": _TRANSACTIONS_KEPT_BY}
    topic = CreatableTopic(
        name=internal_topic,
        num_partitions=partitions[internal_topic],
        replication_factor=-1,
        assignments=(),
        configs=tuple(
            CreatableTopicConfig(name=name, value=value) for name, value in configs.items()
        ),
    )
    request = CreateTopicsRequest(topics=(topic,), timeout_ms=FORWARDED_MS)
    response: CreateTopicsResponse = await controller.forward(request, CREATE_TOPICS.max_version)
    made = response.topics[0]
    if made.error_code not in (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS):
        raise CoordinatorNotAvailable(f"{internal_topic} cannot be made: {made.error_message}")
