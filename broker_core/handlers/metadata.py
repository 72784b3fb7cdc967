"""API key 3, Metadata, versions 0 to 12: topics, partitions and leaders as this broker sees them.

A client that may use only some topics sees only those; asking for another by name is a
TOPIC_AUTHORIZATION_FAILED, so nobody learns what exists. With ``auto_create_topics`` a topic that a
client asks for by name is made, unless the client says not to (version 4).

Not done: racks.
"""

from dataclasses import replace

from broker_core.acl import ResourceType
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InvalidTopic,
    TopicAuthorizationFailed,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from broker_core.handlers.create_topics import create_automatically
from broker_core.handlers.services import Call, is_internal
from broker_core.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from broker_core.replication.cluster_state import ClusterState, Partition, Topic


async def handle(request: MetadataRequest, call: Call) -> MetadataResponse:
    """Describe the topics asked for, or all that the client may see."""
    state = call.services.topology.state
    if request.topics is None or (call.version == 0 and not request.topics):
        topics = [
            _describe(topic, state)
            for name, topic in sorted(state.topics.items())
            if call.may_see(name)
        ]
    else:
        topics = [await _answer(asked, request, call) for asked in request.topics]
    if request.include_topic_authorized_operations:
        topics = [_with_operations(topic, call) for topic in topics]
    answer = MetadataResponse(
        brokers=tuple(
            MetadataResponseBroker(node_id=node.node_id, host=node.host, port=node.port)
            for node in state.nodes.values()
            if not node.fenced
        ),
        cluster_id=state.cluster_id,
        controller_id=call.services.settings.node_id,  # it hands on what is the controller's
        topics=tuple(topics),
    )
    if not request.include_cluster_authorized_operations:
        return answer
    return replace(
        answer, cluster_authorized_operations=call.authorized_operations(ResourceType.CLUSTER)
    )


def _with_operations(topic: MetadataResponseTopic, call: Call) -> MetadataResponseTopic:
    """What the client may do to a topic, unless the topic is an error."""
    if topic.error_code or topic.name is None:
        return topic
    operations = call.authorized_operations(ResourceType.TOPIC, topic.name)
    return replace(topic, topic_authorized_operations=operations)


async def _answer(
    asked: MetadataRequestTopic, request: MetadataRequest, call: Call
) -> MetadataResponseTopic:
    name = asked.name
    topology = call.services.topology
    try:
        if name is None:
            return _describe(_by_id(asked.topic_id, call), topology.state)
        if not call.may_see(name):
            raise TopicAuthorizationFailed(name)
        topic = topology.state.topics.get(name)
        if topic is None:
            topic = await _create(name, request, call)
        return _describe(topic, topology.state)
    except BrokerError as error:
        return MetadataResponseTopic(
            error_code=error.code,
            name=name if name is not None or call.version >= 12 else "",
            topic_id=asked.topic_id,
            partitions=(),
        )


def _by_id(topic_id: bytes, call: Call) -> Topic:
    for topic in call.services.topology.state.topics.values():
        if topic.topic_id.bytes == topic_id and call.may_see(topic.name):
            return topic
    raise UnknownTopicId(topic_id.hex())


async def _create(name: str, request: MetadataRequest, call: Call) -> Topic:
    if not (call.services.settings.auto_create_topics and request.allow_auto_topic_creation):
        raise UnknownTopicOrPartition(name)
    if is_internal(name):
        raise InvalidTopic(f"{name} is made by the broker alone")
    await create_automatically(name, call)
    topic = call.services.topology.state.topics.get(name)
    if topic is None:
        raise UnknownTopicOrPartition(f"{name} was deleted again")
    return topic


def _describe(topic: Topic, state: ClusterState) -> MetadataResponseTopic:
    return MetadataResponseTopic(
        error_code=ErrorCode.NONE,
        name=topic.name,
        topic_id=topic.topic_id.bytes,
        is_internal=is_internal(topic.name),
        partitions=tuple(_partition(partition, state) for partition in topic.partitions),
    )


def _partition(partition: Partition, state: ClusterState) -> MetadataResponsePartition:
    return MetadataResponsePartition(
        error_code=ErrorCode.LEADER_NOT_AVAILABLE if partition.is_offline else ErrorCode.NONE,
        partition_index=partition.index,
        leader_id=partition.leader,
        leader_epoch=partition.leader_epoch,
        replica_nodes=partition.replicas,
        isr_nodes=partition.isr,
        offline_replicas=state.offline_replicas(partition),
    )
