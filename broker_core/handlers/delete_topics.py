"""API key 20, DeleteTopics, versions 1 to 6: remove topics and their records for good.

Topics are named, or since version 6 given by id.

Not done: delayed deletion; the topic is gone when the answer arrives.
"""

import asyncio

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ErrorCode,
    InvalidTopic,
    TopicAuthorizationFailed,
    UnknownTopicId,
)
from broker_core.handlers.services import Call, is_internal
from broker_core.handlers.topology import FORWARDED_MS, Controller
from broker_core.protocol.api_keys import DELETE_TOPICS
from broker_core.protocol.messages.delete_topics import (
    DeletableTopicResult,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    DeleteTopicState,
)
from broker_core.protocol.primitives import NO_UUID


async def handle(request: DeleteTopicsRequest, call: Call) -> DeleteTopicsResponse:
    """Delete one after the other; each has its own outcome."""
    asked = request.topics or tuple(
        DeleteTopicState(name=name, topic_id=NO_UUID) for name in request.topic_names
    )
    return DeleteTopicsResponse(responses=tuple([await _delete(each, call) for each in asked]))


async def _delete(asked: DeleteTopicState, call: Call) -> DeletableTopicResult:
    try:
        name = asked.name if asked.name is not None else _name_of(asked.topic_id, call)
        if not call.may(Operation.DELETE, ResourceType.TOPIC, name):
            raise TopicAuthorizationFailed(name if asked.name is not None else "")
        if is_internal(name):
            raise InvalidTopic(f"{name} is the broker's own")
        controller = call.services.topology.controller
        if controller is not None:
            return await _hand_on(name, controller)
        await asyncio.to_thread(call.services.logs.delete_topic, name)
        await call.services.groups.forget_topic(name)
    except BrokerError as error:
        return DeletableTopicResult(
            name=asked.name if asked.name is not None or call.version >= 6 else "",
            topic_id=asked.topic_id,
            error_code=error.code,
            error_message=str(error),
        )
    return DeletableTopicResult(name=name, topic_id=asked.topic_id, error_code=ErrorCode.NONE)


async def _hand_on(name: str, controller: Controller) -> DeletableTopicResult:
    asked = DeleteTopicState(name=name, topic_id=NO_UUID)
    response: DeleteTopicsResponse = await controller.forward(
        DeleteTopicsRequest(topics=(asked,), timeout_ms=FORWARDED_MS), DELETE_TOPICS.max_version
    )
    return response.responses[0]


def _name_of(topic_id: bytes, call: Call) -> str:
    for topic in call.services.topology.state.topics.values():
        if topic.topic_id.bytes == topic_id:
            return topic.name
    raise UnknownTopicId(topic_id.hex())
