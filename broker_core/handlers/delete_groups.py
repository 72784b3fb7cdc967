"""API key 42, DeleteGroups, versions 0 to 2: forget groups without members, and their offsets.

Not done: nothing that is known of.
"""

from broker_core.errors import ErrorCode
from broker_core.handlers.services import Call
from broker_core.protocol.messages.delete_groups import (
    DeletableGroupResult,
    DeleteGroupsRequest,
    DeleteGroupsResponse,
)


async def handle(request: DeleteGroupsRequest, call: Call) -> DeleteGroupsResponse:
    """Delete them, if the client may."""
    if call.may_administer():
        return await call.services.groups.delete_groups(request)
    return DeleteGroupsResponse(
        results=tuple(
            DeletableGroupResult(group_id=group, error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED)
            for group in request.groups_names
        )
    )
