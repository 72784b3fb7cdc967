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
from broker_core.protocol.api_keys import INCREMENTAL_ALTER_CONFIGS
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
        try:
            responses.append(await _alter(resource, request.validate_only, call))
        except BrokerError as error:
            responses.append(_answer(resource, error.code, str(error)))
    return IncrementalAlterConfigsResponse(responses=tuple(responses))


async def _alter(
    resource: AlterConfigsResource, validate_only: bool, call: Call
) -> AlterConfigsResourceResponse:
    if not call.may_administer():
        raise ClusterAuthorizationFailed("changing settings needs a signed-in user")
    name = resource.resource_name
    if resource.resource_type != TOPIC:
        raise InvalidRequest("only settings of topics can be changed")
    if is_internal(name):
        raise InvalidTopic(f"{name} is the broker's own")
    logs, topology = call.services.logs, call.services.topology
    topic = topology.state.topics.get(name)
    if topic is None:
        raise UnknownTopicOrPartition(name)
    if topology.controller is not None:
        request = IncrementalAlterConfigsRequest(resources=(resource,), validate_only=validate_only)
        response: IncrementalAlterConfigsResponse = await topology.controller.forward(
            request, INCREMENTAL_ALTER_CONFIGS.max_version
        )
        return response.responses[0]
    effective = describe_log_config(read_log_config(topic.configs, logs.settings))
    config = dict(topic.configs)
    for change in resource.configs:
        _apply(config, change, effective)
    read_log_config(config, logs.settings)
    if not validate_only:
        await asyncio.to_thread(logs.alter_topic, name, config)
    return _answer(resource, ErrorCode.NONE, None)


def _answer(
    resource: AlterConfigsResource, error: ErrorCode, message: str | None
) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=error,
        error_message=message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )


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
