"""API key 32, DescribeConfigs, versions 1 to 4: the settings of topics, and where they come from.

Of the broker those are told that Kafka has under the same meaning; they are in its configuration
file, so nobody can change them here. Since version 3 a topic's settings are explained, if asked.
Groups have no settings of their own: their list is empty.

Not done: synonyms, explanations of the broker's settings.
"""

from collections.abc import Container
from dataclasses import replace

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    ErrorCode,
    GroupAuthorizationFailed,
    InvalidRequest,
    TopicAuthorizationFailed,
    UnknownTopicOrPartition,
)
from broker_core.handlers.broker_configs import TYPES, UNKNOWN, describe_broker
from broker_core.handlers.services import Call
from broker_core.log.topic_config import describe_log_config, read_log_config
from broker_core.log.topic_config_reference import MEANINGS
from broker_core.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
)

TOPIC = 2
BROKER = 4
GROUP = 32
FROM_TOPIC = 1  # DYNAMIC_TOPIC_CONFIG
FROM_FILE = 4  # STATIC_BROKER_CONFIG
FROM_DEFAULT = 5  # DEFAULT_CONFIG


async def handle(request: DescribeConfigsRequest, call: Call) -> DescribeConfigsResponse:
    """Describe each resource."""
    return DescribeConfigsResponse(
        results=tuple(
            _describe(resource, call, explained=request.include_documentation)
            for resource in request.resources
        )
    )


def source_of(name: str, given: Container[str]) -> int:
    """Where a topic's setting comes from, if it sets those that are ``given``."""
    return FROM_TOPIC if name in given else FROM_DEFAULT


def _describe(
    resource: DescribeConfigsResource, call: Call, *, explained: bool
) -> DescribeConfigsResult:
    error_code, message = ErrorCode.NONE, None
    configs: list[DescribeConfigsResourceResult] = []
    try:
        if resource.resource_type == TOPIC:
            configs = _topic(resource, call)
            if explained:
                configs = [replace(one, documentation=MEANINGS[one.name]) for one in configs]
        elif resource.resource_type == BROKER:
            configs = _broker(resource, call)
        elif resource.resource_type == GROUP:
            if not call.may(Operation.DESCRIBE_CONFIGS, ResourceType.GROUP, resource.resource_name):
                raise GroupAuthorizationFailed(resource.resource_name)
        else:
            raise InvalidRequest(f"resource type {resource.resource_type} has no settings here")
    except BrokerError as error:
        error_code, message = error.code, str(error)
    return DescribeConfigsResult(
        error_code=error_code,
        error_message=message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=tuple(configs),
    )


def _topic(resource: DescribeConfigsResource, call: Call) -> list[DescribeConfigsResourceResult]:
    name = resource.resource_name
    if not call.may(Operation.DESCRIBE_CONFIGS, ResourceType.TOPIC, name):
        raise TopicAuthorizationFailed(name)
    topic = call.services.topology.state.topics.get(name)
    if topic is None:
        raise UnknownTopicOrPartition(name)
    effective = describe_log_config(read_log_config(topic.configs, call.services.settings.log))
    return [
        _setting(key, value, source_of(key, topic.configs), read_only=False)
        for key, value in effective.items()
        if resource.configuration_keys is None or key in resource.configuration_keys
    ]


def _broker(resource: DescribeConfigsResource, call: Call) -> list[DescribeConfigsResourceResult]:
    """This broker's settings; the empty name stands for what all brokers share: nothing."""
    if not call.may(Operation.DESCRIBE_CONFIGS, ResourceType.CLUSTER):
        raise ClusterAuthorizationFailed("the broker's settings are not for everyone")
    settings = call.services.settings
    if not resource.resource_name:
        return []
    if resource.resource_name != str(settings.node_id):
        raise InvalidRequest(f"this is broker {settings.node_id}, not {resource.resource_name}")
    node = call.services.topology.state.nodes[settings.node_id]
    return [
        _setting(key, value, FROM_FILE, read_only=True)
        for key, value in describe_broker(settings, node.host, node.port).items()
        if resource.configuration_keys is None or key in resource.configuration_keys
    ]


def _setting(
    name: str, value: str, source: int, *, read_only: bool
) -> DescribeConfigsResourceResult:
    return DescribeConfigsResourceResult(
        name=name,
        value=value,
        read_only=read_only,
        config_source=source,
        is_sensitive=False,
        synonyms=(),
        config_type=TYPES.get(name, UNKNOWN),
    )
