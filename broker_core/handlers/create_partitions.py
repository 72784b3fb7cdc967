"""API key 37, CreatePartitions, versions 0 to 3: let topics have more partitions.

Not done: fewer partitions (nobody does), an assignment to other brokers (there are none).
"""

import asyncio

from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    ErrorCode,
    InvalidReplicaAssignment,
    InvalidTopic,
    UnknownTopicOrPartition,
)
from broker_core.handlers.create_topics import check_room
from broker_core.handlers.services import Call, is_internal
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
        error_code, message = ErrorCode.NONE, None
        try:
            await _grow(topic, request.validate_only, call)
        except BrokerError as error:
            error_code, message = error.code, str(error)
        results.append(
            CreatePartitionsTopicResult(
                name=topic.name, error_code=error_code, error_message=message
            )
        )
    return CreatePartitionsResponse(results=tuple(results))


async def _grow(topic: CreatePartitionsTopic, validate_only: bool, call: Call) -> None:
    if not call.may_administer():
        raise ClusterAuthorizationFailed("adding partitions needs a signed-in user")
    if is_internal(topic.name):
        raise InvalidTopic(f"{topic.name} is the broker's own")
    there = call.services.logs.topics().get(topic.name)
    if there is None:
        raise UnknownTopicOrPartition(topic.name)
    node_id = call.services.settings.node_id
    if topic.assignments is not None and any(
        each.broker_ids != (node_id,) for each in topic.assignments
    ):
        raise InvalidReplicaAssignment(f"broker {node_id} is the only one")
    check_room(topic.count - there.partitions, call)
    if validate_only:
        return
    await asyncio.to_thread(call.services.logs.add_partitions, topic.name, topic.count)
