"""API key 10, FindCoordinator, versions 0 to 4: who coordinates a group: this broker.

Since version 4 several keys are asked for at once (KIP-699).

Not done: transaction coordinators (key type 1), share groups (key type 2).
"""

from broker_core.errors import BrokerError, GroupAuthorizationFailed, InvalidRequest
from broker_core.handlers.services import Call
from broker_core.protocol.messages.find_coordinator import (
    Coordinator,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)

GROUP = 0


async def handle(request: FindCoordinatorRequest, call: Call) -> FindCoordinatorResponse:
    """Answer in the request's form."""
    if call.version >= 4:
        found = tuple(_find(key, request.key_type, call) for key in request.coordinator_keys)
        return FindCoordinatorResponse(coordinators=found)
    one = _find(request.key, request.key_type, call)
    return FindCoordinatorResponse(
        error_code=one.error_code,
        error_message=one.error_message,
        node_id=one.node_id,
        host=one.host,
        port=one.port,
    )


def _find(key: str, key_type: int, call: Call) -> Coordinator:
    services = call.services
    try:
        if key_type != GROUP:
            raise InvalidRequest("only groups are coordinated here")
        if not call.may_use_group(key):
            raise GroupAuthorizationFailed(key)
    except BrokerError as error:
        return Coordinator(
            key=key, node_id=-1, host="", port=-1, error_code=error.code, error_message=str(error)
        )
    return Coordinator(
        key=key,
        node_id=services.settings.node_id,
        host=services.advertised_host,
        port=services.advertised_port,
        error_code=0,
        error_message=None,
    )
