"""API key 15, DescribeGroups, versions 0 to 5: state and members of groups.

Not done: authorized operations (always "unknown").
"""

from dataclasses import replace

from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.describe_groups import (
    DescribedGroup,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)


async def handle(request: DescribeGroupsRequest, call: Call) -> DescribeGroupsResponse:
    """Describe the groups that the client may use, refuse the others."""
    allowed = tuple(group for group in request.groups if call.may_see_group(group))
    answer = await call.services.groups.describe_groups(replace(request, groups=allowed))
    refused = tuple(
        DescribedGroup(
            error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED,
            group_id=group,
            group_state="",
            protocol_type="",
            protocol_data="",
            members=(),
        )
        for group in request.groups
        if not call.may_see_group(group)
    )
    return replace(answer, groups=answer.groups + refused)
