"""API key 16, ListGroups, versions 0 to 5: the groups with members or offsets.

A client is shown the groups that it may use.

Those of the classic protocol and of the new one (KIP-848); since version 5 they are told apart.

Not done: nothing that is known of.
"""

from dataclasses import replace

from broker_core.handlers.services import Call
from broker_core.protocol.messages.list_groups import ListGroupsRequest, ListGroupsResponse


async def handle(request: ListGroupsRequest, call: Call) -> ListGroupsResponse:
    """List them."""
    answer = await call.services.groups.list_groups(request)
    shown = tuple(group for group in answer.groups if call.may_see_group(group.group_id))
    return replace(answer, groups=shown)
