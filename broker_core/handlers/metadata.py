"""API key 3, Metadata, versions 0 to 12: topics, partitions and leaders as this broker sees them.

A client that may use only some topics sees only those; asking for another by name is a
TOPIC_AUTHORIZATION_FAILED, so nobody learns what exists. With ``auto_create_topics`` a topic that a
client asks for by name is made, unless the client says not to (version 4).

Not done: authorized operations (always "unknown"), racks.
"""

import asyncio

from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InvalidTopic,
    TopicAlreadyExists,
    TopicAuthorizationFailed,
    UnknownTopicId,
    UnknownTopicOrPartition,
)
from broker_core.handlers.create_topics import check_room
from broker_core.handlers.services import LEADER_EPOCH, Call, is_internal
from broker_core.log.topic_config import TopicConfig
from broker_core.protocol.messages.metadata import (
    MetadataRequest,
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)


async def handle(request: MetadataRequest, call: Call) -> MetadataResponse:
    """Describe the topics asked for, or all that the client may see."""
    services = call.services
    if request.topics is None or (call.version == 0 and not request.topics):
        topics = [
            _describe(topic, call)
            for name, topic in sorted(services.logs.topics().items())
            if call.may_use_topic(name)
        ]
    else:
        topics = [await _answer(asked, request, call) for asked in request.topics]
    node_id = services.settings.node_id
    broker = MetadataResponseBroker(
        node_id=node_id, host=services.advertised_host, port=services.advertised_port
    )
    return MetadataResponse(
        brokers=(broker,),
        cluster_id=services.logs.cluster_id,
        controller_id=node_id,
        topics=tuple(topics),
    )


async def _answer(
    asked: MetadataRequestTopic, request: MetadataRequest, call: Call
) -> MetadataResponseTopic:
    name = asked.name
    try:
        if name is None:
            return _describe(_by_id(asked.topic_id, call), call)
        if not call.may_use_topic(name):
            raise TopicAuthorizationFailed(name)
        topic = call.services.logs.topics().get(name)
        if topic is None:
            topic = await _create(name, request, call)
        return _describe(topic, call)
    except BrokerError as error:
        return MetadataResponseTopic(
            error_code=error.code,
            name=name if name is not None or call.version >= 12 else "",
            topic_id=asked.topic_id,
            partitions=(),
        )


def _by_id(topic_id: bytes, call: Call) -> TopicConfig:
    for topic in call.services.logs.topics().values():
        if topic.topic_id.bytes == topic_id and call.may_use_topic(topic.name):
            return topic
    raise UnknownTopicId(topic_id.hex())


async def _create(name: str, request: MetadataRequest, call: Call) -> TopicConfig:
    services = call.services
    if not (services.settings.auto_create_topics and request.allow_auto_topic_creation):
        raise UnknownTopicOrPartition(name)
    if is_internal(name):
        raise InvalidTopic(f"{name} is made by the broker alone")
    partitions = services.settings.default_partitions
    check_room(partitions, call)
    try:
        return await asyncio.to_thread(services.logs.create_topic, name, partitions, {})
    except TopicAlreadyExists:  # another client asked at the same time
        return services.logs.topics()[name]


def _describe(topic: TopicConfig, call: Call) -> MetadataResponseTopic:
    node = (call.services.settings.node_id,)
    return MetadataResponseTopic(
        error_code=ErrorCode.NONE,
        name=topic.name,
        topic_id=topic.topic_id.bytes,
        is_internal=is_internal(topic.name),
        partitions=tuple(
            MetadataResponsePartition(
                error_code=ErrorCode.NONE,
                partition_index=number,
                leader_id=node[0],
                leader_epoch=LEADER_EPOCH,
                replica_nodes=node,
                isr_nodes=node,
            )
            for number in range(topic.partitions)
        ),
    )
