"""API key 44, IncrementalAlterConfigs, versions 0 to 1: change single settings of topics.

Operations: 0 sets, 1 goes back to the default, 2 and 3 append to and subtract from a list.

Not done: settings of the broker; those are in its configuration file.
"""

import asyncio

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InvalidRequest,
    InvalidTopic,
    TopicAuthorizationFailed,
    UnknownTopicOrPartition,
)
from broker_core.handlers.services import Call, is_internal
from broker_core.log.topic_config import changed_config
from broker_core.protocol.api_keys import INCREMENTAL_ALTER_CONFIGS
from broker_core.protocol.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)

TOPIC = 2


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
    name = resource.resource_name
    if resource.resource_type != TOPIC:
        raise InvalidRequest("only settings of topics can be changed")
    if not call.may(Operation.ALTER_CONFIGS, ResourceType.TOPIC, name):
        raise TopicAuthorizationFailed(name)
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
    config = changed_config(topic.configs, resource.configs, logs.settings)
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
