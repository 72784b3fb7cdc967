"""API key 19, CreateTopics, versions 2 to 7: make topics with partitions and settings.

-1 partitions or copies means the broker's default. A node that is alone accepts a manual assignment
if it names this node, for partitions 0, 1, 2, …; one of a cluster lets the controller decide.

Since version 5 the answer says every setting of the topic: Kafka's own tools fail without.

Not done: nothing that is known of.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InvalidPartitions,
    InvalidReplicaAssignment,
    InvalidReplicationFactor,
    InvalidRequest,
    InvalidTopic,
    PolicyViolation,
    TopicAlreadyExists,
    TopicAuthorizationFailed,
    UnknownTopicOrPartition,
)
from broker_core.handlers.describe_configs import source_of
from broker_core.handlers.services import Call, is_internal
from broker_core.handlers.topology import FORWARDED_MS, Controller
from broker_core.log.file_layout import check_topic_name
from broker_core.log.topic_config import describe_log_config, read_log_config
from broker_core.protocol.api_keys import CREATE_TOPICS
from broker_core.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfigs,
    CreatableTopicResult,
    CreateTopicsRequest,
    CreateTopicsResponse,
)


async def handle(request: CreateTopicsRequest, call: Call) -> CreateTopicsResponse:
    """Make the topics one after the other; each has its own outcome."""
    names = [topic.name for topic in request.topics]
    results = []
    for topic in request.topics:
        try:
            if names.count(topic.name) > 1:
                raise InvalidRequest(f"topic {topic.name} is named more than once")
            results.append(await _create(topic, request.validate_only, call))
        except BrokerError as error:
            results.append(
                CreatableTopicResult(
                    name=topic.name, error_code=error.code, error_message=str(error), configs=None
                )
            )
    return CreateTopicsResponse(topics=tuple(results))


def check_room(partitions: int, call: Call) -> None:
    """Refuse more partitions than the broker may have in all.

    Raises:
        PolicyViolation: There would be too many.
    """
    limit = call.services.settings.max_partitions
    there = sum(1 for _ in call.services.topology.state.partitions())
    if there + partitions > limit:
        raise PolicyViolation(f"{there} partitions exist, {limit} may")


async def create_automatically(name: str, call: Call) -> None:
    """Make a topic as the defaults say; nothing happens if there is one by now.

    Raises:
        InvalidTopic: No topic can have that name; whoever asks need not ask again.
        BrokerError: It cannot be made.
    """
    _demand_permission(name, call)
    check_topic_name(name)
    services = call.services
    partitions = services.settings.default_partitions
    check_room(partitions, call)
    try:
        if services.topology.controller is None:
            await asyncio.to_thread(services.logs.create_topic, name, partitions, {})
            return
        topic = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=-1,
            assignments=(),
            configs=(),
        )
        made = await _hand_on(topic, False, services.topology.controller)
        if made.error_code not in (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS):
            raise UnknownTopicOrPartition(made.error_message or name)
    except TopicAlreadyExists:  # another client asked at the same time
        return


def _demand_permission(name: str, call: Call) -> None:
    """Who may create on the cluster may create any topic."""
    if not call.may(Operation.CREATE, ResourceType.CLUSTER) and not call.may(
        Operation.CREATE, ResourceType.TOPIC, name
    ):
        raise TopicAuthorizationFailed(name)


async def _create(topic: CreatableTopic, validate_only: bool, call: Call) -> CreatableTopicResult:
    _demand_permission(topic.name, call)
    services = call.services
    if is_internal(topic.name):
        raise InvalidTopic(f"{topic.name} is made by the broker alone")
    if services.topology.controller is not None:
        made_there = await _hand_on(topic, validate_only, services.topology.controller)
        if made_there.error_code != ErrorCode.NONE:
            return made_there
        return replace(made_there, configs=_settings(topic, call))
    partitions = _partitions(topic, call)
    check_room(partitions, call)
    config = _config(topic)
    if validate_only:
        check_topic_name(topic.name)
        read_log_config(config, services.settings.log)
        if topic.name in services.logs.topics():
            raise TopicAlreadyExists(f"topic {topic.name} exists")
        return _result(topic.name, bytes(16), partitions, _settings(topic, call))
    made = await asyncio.to_thread(services.logs.create_topic, topic.name, partitions, config)
    return _result(topic.name, made.topic_id.bytes, partitions, _settings(topic, call))


async def _hand_on(
    topic: CreatableTopic, validate_only: bool, controller: Controller
) -> CreatableTopicResult:
    request = CreateTopicsRequest(
        topics=(topic,), timeout_ms=FORWARDED_MS, validate_only=validate_only
    )
    response: CreateTopicsResponse = await controller.forward(request, CREATE_TOPICS.max_version)
    return response.topics[0]


def _result(
    name: str, topic_id: bytes, partitions: int, configs: tuple[CreatableTopicConfigs, ...]
) -> CreatableTopicResult:
    return CreatableTopicResult(
        name=name,
        topic_id=topic_id,
        error_code=ErrorCode.NONE,
        error_message=None,
        num_partitions=partitions,
        replication_factor=1,
        configs=configs,
    )


def _partitions(topic: CreatableTopic, call: Call) -> int:
    settings = call.services.settings
    if topic.assignments:
        if topic.num_partitions != -1 or topic.replication_factor != -1:
            raise InvalidRequest("either numbers or an assignment, not both")
        if sorted(each.partition_index for each in topic.assignments) != list(
            range(len(topic.assignments))
        ) or any(each.broker_ids != (settings.node_id,) for each in topic.assignments):
            raise InvalidReplicaAssignment(f"broker {settings.node_id} is the only one")
        return len(topic.assignments)
    if topic.replication_factor not in (-1, 1):
        raise InvalidReplicationFactor(f"{topic.replication_factor} copies on one broker")
    if topic.num_partitions == -1:
        return settings.default_partitions
    if topic.num_partitions < 1:
        raise InvalidPartitions(f"{topic.num_partitions} partitions; at least 1 is needed")
    return topic.num_partitions


def _config(topic: CreatableTopic) -> Mapping[str, str]:
    """Return what is set; a null value means the default."""
    return {each.name: each.value for each in topic.configs if each.value is not None}


def _settings(topic: CreatableTopic, call: Call) -> tuple[CreatableTopicConfigs, ...]:
    """Every setting that the topic has now."""
    given = _config(topic)
    effective = describe_log_config(read_log_config(given, call.services.settings.log))
    return tuple(
        CreatableTopicConfigs(
            name=name,
            value=value,
            read_only=False,
            config_source=source_of(name, given),
            is_sensitive=False,
        )
        for name, value in effective.items()
    )
