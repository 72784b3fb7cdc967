"""API key 68, ConsumerGroupHeartbeat, versions 0 to 1: be a member of a consumer group (KIP-848).

Joining, staying, taking on and giving up partitions, and leaving are all heartbeats. The broker
assigns (``uniform``, ``range``); what the group is and what its members have is on disk, so members
go on where they were after a restart.

Not done: racks; members of the classic protocol in a group of this one (such a group must be empty
before it changes sides); settings of single groups. A regular expression finds the topics that
whoever asked first with it may see, and finds them anew when topics come or go.
"""

from broker_core.coordinator.consumer_group_answers import heartbeat_refused
from broker_core.errors import (
    BrokerError,
    GroupAuthorizationFailed,
    TopicAuthorizationFailed,
    error_of,
)
from broker_core.handlers.services import Call
from broker_core.protocol.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)


async def handle(
    request: ConsumerGroupHeartbeatRequest, call: Call
) -> ConsumerGroupHeartbeatResponse:
    """Note it, if the client may use the group and know of the topics that it names."""
    try:
        _check(request, call)
        return await call.services.groups.consumer_heartbeat(
            request,
            client_id=call.client_id,
            client_host=call.client.host,
            may_see=call.may_see,
        )
    except BrokerError as error:
        return heartbeat_refused(error)


def _check(request: ConsumerGroupHeartbeatRequest, call: Call) -> None:
    if not call.may_use_group(request.group_id):
        raise GroupAuthorizationFailed(request.group_id)
    if refusal := call.group_refusal(request.group_id):
        raise error_of(refusal, "this node does not coordinate the group")
    hidden = [name for name in request.subscribed_topic_names or () if not call.may_see(name)]
    if hidden:
        raise TopicAuthorizationFailed(", ".join(hidden[:10]))
