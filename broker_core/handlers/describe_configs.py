"""API key 32, DescribeConfigs, versions 1 to 4: the settings of topics, and where they come from.

Not done: settings of the broker (an empty list), synonyms, documentation texts.
"""

from collections.abc import Container

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InvalidRequest,
    TopicAuthorizationFailed,
    UnknownTopicOrPartition,
)
from broker_core.handlers.services import Call
from broker_core.log.topic_config import describe_log_config, read_log_config
from broker_core.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResponse,
    DescribeConfigsResult,
)

TOPIC = 2
BROKER = 4
FROM_TOPIC = 1  # DYNAMIC_TOPIC_CONFIG
FROM_DEFAULT = 5  # DEFAULT_CONFIG


async def handle(request: DescribeConfigsRequest, call: Call) -> DescribeConfigsResponse:
    """Describe each resource."""
    return DescribeConfigsResponse(
        results=tuple(_describe(resource, call) for resource in request.resources)
    )


def source_of(name: str, given: Container[str]) -> int:
    """Where a topic's setting comes from, if it sets those that are ``given``."""
    return FROM_TOPIC if name in given else FROM_DEFAULT


def _describe(resource: DescribeConfigsResource, call: Call) -> DescribeConfigsResult:
    error_code, message = ErrorCode.NONE, None
    configs: list[DescribeConfigsResourceResult] = []
    try:
        if resource.resource_type == TOPIC:
            configs = _topic(resource, call)
        elif resource.resource_type != BROKER:
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
        DescribeConfigsResourceResult(
            name=key,
            value=value,
            read_only=False,
            config_source=source_of(key, topic.configs),
            is_sensitive=False,
            synonyms=(),
        )
        for key, value in effective.items()
        if resource.configuration_keys is None or key in resource.configuration_keys
    ]
