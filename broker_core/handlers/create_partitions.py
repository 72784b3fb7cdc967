"""API key 37, CreatePartitions, versions 0 to 3: let topics have more partitions.

Not done: fewer partitions (nobody does).
"""

import asyncio

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InvalidReplicaAssignment,
    InvalidTopic,
    TopicAuthorizationFailed,
    UnknownTopicOrPartition,
)
from broker_core.handlers.create_topics import check_room
from broker_core.handlers.services import Call, is_internal
from broker_core.handlers.topology import FORWARDED_MS, Controller
from broker_core.protocol.api_keys import CREATE_PARTITIONS
from broker_core.protocol.messages.create_partitions import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreatePartitionsTopic,
    CreatePartitionsTopicResult,
)


async def handle(request: CreatePartitionsRequest, call: Call) -> CreatePartitionsResponse:
    """Grow the topics one after the other; each has its own outcome."""
    results = []
    for topic in request.topics:
        try:
            results.append(await _grow(topic, request.validate_only, call))
        except BrokerError as error:
            results.append(
                CreatePartitionsTopicResult(
                    name=topic.name, error_code=error.code, error_message=str(error)
                )
            )
    return CreatePartitionsResponse(results=tuple(results))


async def _grow(
    topic: CreatePartitionsTopic, validate_only: bool, call: Call
) -> CreatePartitionsTopicResult:
    if not call.may(Operation.ALTER, ResourceType.TOPIC, topic.name):
        raise TopicAuthorizationFailed(topic.name)
    if is_internal(topic.name):
        raise InvalidTopic(f"{topic.name} is the broker's own")
    topology = call.services.topology
    there = topology.state.topics.get(topic.name)
    if there is None:
        raise UnknownTopicOrPartition(topic.name)
    check_room(topic.count - len(there.partitions), call)
    if topology.controller is not None:
        return await _hand_on(topic, validate_only, topology.controller)
    node_id = call.services.settings.node_id
    if topic.assignments is not None and any(
        each.broker_ids != (node_id,) for each in topic.assignments
    ):
        raise InvalidReplicaAssignment(f"broker {node_id} is the only one")
    if not validate_only:
        await asyncio.to_thread(call.services.logs.add_partitions, topic.name, topic.count)
    return CreatePartitionsTopicResult(name=topic.name, error_code=ErrorCode.NONE)


async def _hand_on(
    topic: CreatePartitionsTopic, validate_only: bool, controller: Controller
) -> CreatePartitionsTopicResult:
    request = CreatePartitionsRequest(
        topics=(topic,), timeout_ms=FORWARDED_MS, validate_only=validate_only
    )
    response: CreatePartitionsResponse = await controller.forward(
        request, CREATE_PARTITIONS.max_version
    )
    return response.results[0]
