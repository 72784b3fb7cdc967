"""API key 42, DeleteGroups, versions 0 to 2: forget groups without members, and their offsets.

Not done: nothing that is known of.
"""

from dataclasses import replace

from broker_core.acl import Operation
from broker_core.handlers.services import Call
from broker_core.protocol.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)


async def handle(request: DeleteGroupsRequest, call: Call) -> DeleteGroupsResponse:
    """Delete those that the client may delete, refuse the others."""
    refusals = {
        group: call.group_refusal(group, Operation.DELETE) for group in request.groups_names
    }
    allowed = [group for group in request.groups_names if not refusals[group]]
    answer = await call.services.groups.delete_groups(replace(request, groups_names=tuple(allowed)))
    refused = tuple(
        DeletableGroupResult(group_id=group, error_code=refusals[group])
        for group in request.groups_names
        if group not in allowed
    )
    return replace(answer, results=answer.results + refused)
