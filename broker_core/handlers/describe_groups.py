"""API key 15, DescribeGroups, versions 0 to 5: state and members of groups.

Groups of the new protocol (KIP-848) are Dead here, as Kafka shows them up to version 5;
ConsumerGroupDescribe shows them.

Not done: nothing that is known of.
"""

from dataclasses import replace

from broker_core.acl import Operation, ResourceType
from broker_core.handlers.services import Call
from broker_core.protocol.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)


async def handle(request: DescribeGroupsRequest, call: Call) -> DescribeGroupsResponse:
    """Describe the groups that the client may use, refuse the others."""
    refusals = {group: call.group_refusal(group, Operation.DESCRIBE) for group in request.groups}
    allowed = tuple(group for group in request.groups if not refusals[group])
    answer = await call.services.groups.describe_groups(replace(request, groups=allowed))
    described = answer.groups
    if request.include_authorized_operations:
        described = tuple(_with_operations(group, call) for group in described)
    refused = tuple(
        DescribedGroup(
            error_code=refusals[group],
            group_id=group,
            group_state="",
            protocol_type="",
            protocol_data="",
            members=(),
        )
        for group in request.groups
        if refusals[group]
    )
    return replace(answer, groups=described + refused)


def _with_operations(group: DescribedGroup, call: Call) -> DescribedGroup:
    """What the client may do to a group, unless the group is an error."""
    if group.error_code:
        return group
    operations = call.authorized_operations(ResourceType.GROUP, group.group_id)
    return replace(group, authorized_operations=operations)
