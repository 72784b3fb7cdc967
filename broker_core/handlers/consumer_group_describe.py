"""API key 69, ConsumerGroupDescribe, versions 0 to 1: state and members of groups (KIP-848).

Groups of the classic protocol are not found here; DescribeGroups shows them.

Not done: nothing that is known of.
"""

from dataclasses import replace

from broker_core.acl import Operation, ResourceType
from broker_core.coordinator.consumer_group_answers import group_refused
from broker_core.errors import BrokerError, ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.consumer_group_describe import (
    ConsumerGroupDescribeRequest,
    ConsumerGroupDescribeResponse,
    DescribedConsumerGroup,
)


async def handle(
    request: ConsumerGroupDescribeRequest, call: Call
) -> ConsumerGroupDescribeResponse:
    """Describe the groups that the client may see, refuse the others."""
    groups = tuple(_describe(group_id, call) for group_id in request.group_ids)
    if request.include_authorized_operations:
        groups = tuple(_with_operations(group, call) for group in groups)
    return ConsumerGroupDescribeResponse(groups=groups)


def _with_operations(group: DescribedConsumerGroup, call: Call) -> DescribedConsumerGroup:
    """What the client may do to a group, unless the group is an error."""
    if group.error_code:
        return group
    operations = call.authorized_operations(ResourceType.GROUP, group.group_id)
    return replace(group, authorized_operations=operations)


def _describe(group_id: str, call: Call) -> DescribedConsumerGroup:
    if refusal := call.group_refusal(group_id, Operation.DESCRIBE):
        return group_refused(group_id, refusal)
    try:
        described = call.services.groups.consumers.describe(group_id)
    except BrokerError as error:
        return group_refused(group_id, error.code, str(error))
    topics = {
        topic.topic_name
        for member in described.members
        for assignment in (member.assignment, member.target_assignment)
        for topic in assignment.topic_partitions
    }
    if all(map(call.may_see, topics)):
        return described
    hidden = group_refused(group_id, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
    return replace(hidden, error_message="the group reads topics that may not be described")
