"""API key 16, ListGroups, versions 0 to 4: the groups with members or offsets.

A client is shown the groups that it may use.

Not done: types of groups (version 5); all are classic.
"""

from dataclasses import replace

from broker_core.handlers.services import Call
from broker_core.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse


async def handle(request: ListGroupsRequest, call: Call) -> ListGroupsResponse:
    """List them."""
    answer = await call.services.groups.list_groups(request)
    shown = tuple(group for group in answer.groups if call.may_see_group(group.group_id))
    return replace(answer, groups=shown)
