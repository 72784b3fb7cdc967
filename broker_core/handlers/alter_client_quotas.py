"""API key 49, AlterClientQuotas, versions 0 to 1: limit how many bytes clients send and fetch.

Quotas of users and client ids, by name or as the default; they are on disk before the answer and
count from the next request on. Each entity changes as a whole or not at all.

Not done: quotas of addresses (``ip``), request_percentage and controller_mutation_rate: the first
is a setting (max_connections_per_address), the others are not measured here, so they are refused.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import structlog

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    ErrorCode,
    InvalidRequest,
    PolicyViolation,
)
from broker_core.handlers.services import Call
from broker_core.policy.policy import Policy
from broker_core.policy.quota import CLIENT_ID, KEYS, USER, Entity
from broker_core.protocol.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasResponse,
    EntityData,
    EntryData,
    EntryResponseData,
    OpData,
)

MAX_QUOTAS = 1_000
MAX_NAME_CHARACTERS = 1024

log = structlog.get_logger()


async def handle(request: AlterClientQuotasRequest, call: Call) -> AlterClientQuotasResponse:
    """Change one entity after the other, then write everything at once."""
    errors: list[BrokerError | None] = []

    def change_all(policy: Policy) -> Policy:
        errors.clear()
        for entry in request.entries:
            try:
                policy = _change(policy, entry)
                errors.append(None)
            except BrokerError as error:
                errors.append(error)
        return policy

    try:
        if not call.may(Operation.ALTER_CONFIGS, ResourceType.CLUSTER):
            raise ClusterAuthorizationFailed("changing quotas needs ALTER_CONFIGS on the cluster")
        if request.validate_only:
            change_all(call.services.policy.current)
        else:
            await call.services.policy.change(change_all)
    except BrokerError as error:
        errors = [error] * len(request.entries)
    for entry, failure in zip(request.entries, errors, strict=True):
        if failure is None and not request.validate_only:
            log.info("quota_changed", entity=str(entry.entity), by=call.client.principal.name)
    return AlterClientQuotasResponse(
        entries=tuple(
            EntryResponseData(
                error_code=error.code if error else ErrorCode.NONE,
                error_message=str(error) if error else None,
                entity=entry.entity,
            )
            for entry, error in zip(request.entries, errors, strict=True)
        )
    )


def _change(policy: Policy, entry: EntryData) -> Policy:
    who = _entity(entry.entity)
    values = dict(policy.quotas.get(who, {}))
    for op in entry.ops:
        _check(op)
        if op.remove:
            values.pop(op.key, None)
        else:
            values[op.key] = op.value
    quotas = {**policy.quotas, who: values}
    if not values:
        del quotas[who]
    if len(quotas) > max(MAX_QUOTAS, len(policy.quotas)):
        raise PolicyViolation(f"{MAX_QUOTAS} quotas exist, which is the limit")
    return replace(policy, quotas=quotas)


def _entity(parts: Sequence[EntityData]) -> Entity:
    kinds = [part.entity_type for part in parts]
    if not kinds or len(set(kinds)) != len(kinds) or set(kinds) - {USER, CLIENT_ID}:
        raise InvalidRequest(f"an entity is a {USER}, a {CLIENT_ID} or both, not {kinds}")
    if any(part.entity_name == "" for part in parts):
        raise InvalidRequest("a name is empty; the default has none (null)")
    if any(len(part.entity_name or "") > MAX_NAME_CHARACTERS for part in parts):
        raise InvalidRequest(f"a name of more than {MAX_NAME_CHARACTERS} characters")
    return tuple(sorted((part.entity_type, part.entity_name) for part in parts))


def _check(op: OpData) -> None:
    if op.key not in KEYS:
        raise InvalidRequest(f"{op.key[:64]!r} is not one of {sorted(KEYS)}")
    if not op.remove and not (op.value > 0 and math.isfinite(op.value)):
        raise InvalidRequest(f"{op.key} is {op.value}, not a number above 0")
