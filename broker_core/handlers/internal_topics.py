"""Internal topics of a cluster: made through its controller by whoever needs one first."""

from broker_core.coordinator.shards import INTERNAL_CONFIG
from broker_core.errors import CoordinatorNotAvailable, ErrorCode
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
from broker_core.replication.cluster_state import Topic

_TRANSACTIONS_KEPT_BY = "2"  # as Apache Kafka's transaction.state.log.min.isr; or all there are


async def make_sure_of(internal_topic: str, call: Call) -> Topic:
    """Return an internal topic, which is made if it is not there.

    Raises:
        CoordinatorNotAvailable: It cannot be made, or this node has not heard of it yet.
    """
    topology = call.services.topology
    if internal_topic not in topology.state.topics and topology.controller is not None:
        await _make(internal_topic, call, topology.controller)
    topic = topology.state.topics.get(internal_topic)
    if topic is None:
        raise CoordinatorNotAvailable(f"{internal_topic} is not there yet")
    return topic


async def _make(internal_topic: str, call: Call, controller: Controller) -> None:
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
