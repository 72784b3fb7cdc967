"""API key 44, IncrementalAlterConfigs, versions 0 to 1: change single settings of topics.

Operations: 0 sets, 1 goes back to the default, 2 and 3 append to and subtract from a list.

Not done: settings of the broker; those are in its configuration file.
"""

import asyncio
from collections.abc import Mapping

from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    ErrorCode,
    InvalidConfig,
    InvalidRequest,
    InvalidTopic,
    UnknownTopicOrPartition,
)
from broker_core.handlers.services import Call, is_internal
from broker_core.log.topic_config import describe_log_config, read_log_config
from broker_core.protocol.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)

TOPIC = 2
SET, DELETE, APPEND, SUBTRACT = range(4)


async def handle(
    request: IncrementalAlterConfigsRequest, call: Call
) -> IncrementalAlterConfigsResponse:
    """Change the resources one after the other; each changes as a whole or not at all."""
    responses = []
    for resource in request.resources:
        error_code, message = ErrorCode.NONE, None
        try:
            await _alter(resource, request.validate_only, call)
        except BrokerError as error:
            error_code, message = error.code, str(error)
        responses.append(
            AlterConfigsResourceResponse(
                error_code=error_code,
                error_message=message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    return IncrementalAlterConfigsResponse(responses=tuple(responses))


async def _alter(resource: AlterConfigsResource, validate_only: bool, call: Call) -> None:
    if not call.may_administer():
        raise ClusterAuthorizationFailed("changing settings needs a signed-in user")
    name = resource.resource_name
    if resource.resource_type != TOPIC:
        raise InvalidRequest("only settings of topics can be changed")
    if is_internal(name):
        raise InvalidTopic(f"{name} is the broker's own")
    logs = call.services.logs
    topic = logs.topics().get(name)
    if topic is None:
        raise UnknownTopicOrPartition(name)
    effective = describe_log_config(read_log_config(topic.config, logs.settings))
    config = dict(topic.config)
    for change in resource.configs:
        _apply(config, change, effective)
    read_log_config(config, logs.settings)
    if not validate_only:
        await asyncio.to_thread(logs.alter_topic, name, config)


def _apply(config: dict[str, str], change: AlterableConfig, effective: Mapping[str, str]) -> None:
    if change.name not in effective:
        raise InvalidConfig(f"{change.name} is not a topic configuration of this broker")
    if change.config_operation == DELETE:
        config.pop(change.name, None)
        return
    if change.value is None:
        raise InvalidConfig(f"{change.name} needs a value")
    listed = [part for part in effective[change.name].split(",") if part]
    named = [part.strip() for part in change.value.split(",")]
    if change.config_operation == SET:
        config[change.name] = change.value
    elif change.config_operation == APPEND:
        config[change.name] = ",".join(listed + [part for part in named if part not in listed])
    elif change.config_operation == SUBTRACT:
        config[change.name] = ",".join(part for part in listed if part not in named)
    else:
        raise InvalidRequest(f"operation {change.config_operation}")
