"""API key 48, DescribeClientQuotas, versions 0 to 1: the limits that clients have.

Not done: quotas of addresses (``ip``).
"""

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    ErrorCode,
    InvalidRequest,
    UnsupportedVersion,
)
from broker_core.handlers.services import Call
from broker_core.policy.quota import CLIENT_ID, USER, Entity
from broker_core.protocol.messages.describe_client_quotas import (
    ComponentData,
    DescribeClientQuotasRequest,
    DescribeClientQuotasResponse,
    EntityData,
    EntryData,
    ValueData,
)

EXACT, DEFAULT, ANY = range(3)


async def handle(request: DescribeClientQuotasRequest, call: Call) -> DescribeClientQuotasResponse:
    """Describe the entities that match."""
    try:
        if not call.may(Operation.DESCRIBE_CONFIGS, ResourceType.CLUSTER):
            raise ClusterAuthorizationFailed("this needs DESCRIBE_CONFIGS on the cluster")
        _check(request)
    except BrokerError as error:
        return DescribeClientQuotasResponse(
            error_code=error.code, error_message=str(error), entries=None
        )
    return DescribeClientQuotasResponse(
        error_code=ErrorCode.NONE,
        error_message=None,
        entries=tuple(
            EntryData(
                entity=tuple(EntityData(entity_type=kind, entity_name=name) for kind, name in who),
                values=tuple(ValueData(key=key, value=value) for key, value in values.items()),
            )
            for who, values in call.services.policy.current.quotas.items()
            if _matches(who, request)
        ),
    )


def _check(request: DescribeClientQuotasRequest) -> None:
    kinds = [component.entity_type for component in request.components]
    if len(set(kinds)) != len(kinds) or "" in kinds:
        raise InvalidRequest("each type of entity is named once")
    if set(kinds) - {USER, CLIENT_ID}:
        raise UnsupportedVersion(f"there are no quotas of {sorted(set(kinds) - {USER, CLIENT_ID})}")
    for component in request.components:
        if component.match_type not in (EXACT, DEFAULT, ANY):
            raise InvalidRequest(f"match type {component.match_type}")
        if (component.match is not None) != (component.match_type == EXACT):
            raise InvalidRequest("a name goes with match type 0 and no other")


def _matches(who: Entity, request: DescribeClientQuotasRequest) -> bool:
    parts = dict(who)
    if request.strict and len(parts) != len(request.components):
        return False
    return all(_has(parts, component) for component in request.components)


def _has(parts: dict[str, str | None], component: ComponentData) -> bool:
    if component.entity_type not in parts:
        return False
    return component.match_type == ANY or parts[component.entity_type] == component.match
