"""API key 30, CreateAcls, versions 1 to 3: add entries to the access control lists.

What is added is on disk before the answer and counts from the next request on. An entry that stands
already is no error.

Not done: resources other than topics, groups, the cluster and transactional ids; principals that
are not users.
"""

from dataclasses import replace

import structlog

from broker_core.acl import Acl, Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    ErrorCode,
    PolicyViolation,
    SecurityDisabled,
)
from broker_core.handlers.acl_requests import read_entry
from broker_core.handlers.services import Call
from broker_core.policy.policy import Policy
from broker_core.protocol.messages.create_acls import (
    AclCreation,
    AclCreationResult,
    CreateAclsRequest,
    CreateAclsResponse,
)

MAX_ACLS = 10_000

log = structlog.get_logger()


def check_use(operation: Operation, call: Call) -> None:
    """Refuse whoever may not manage entries, and everybody where there are none.

    Raises:
        ClusterAuthorizationFailed, SecurityDisabled: That is so.
    """
    if not call.may(operation, ResourceType.CLUSTER):
        raise ClusterAuthorizationFailed(f"this needs {operation.name} on the cluster")
    if not call.services.authorizer.uses_acls:
        raise SecurityDisabled("access is not by access control lists here (broker.access)")


async def handle(request: CreateAclsRequest, call: Call) -> CreateAclsResponse:
    """Add what can be added, all at once."""
    outcomes: list[Acl | BrokerError] = []
    try:
        check_use(Operation.ALTER, call)
        outcomes = [_read(asked) for asked in request.creations]
        wanted = frozenset(one for one in outcomes if isinstance(one, Acl))
        await call.services.policy.change(lambda policy: _with(policy, wanted))
    except BrokerError as error:
        outcomes = [error] * len(request.creations)
    for one in outcomes:
        if isinstance(one, Acl):
            log.info("acl_created", acl=str(one), by=call.client.principal.name)
    return CreateAclsResponse(results=tuple(_result(one) for one in outcomes))


def _read(asked: AclCreation) -> Acl | BrokerError:
    try:
        return read_entry(asked)
    except BrokerError as error:
        return error


def _with(policy: Policy, wanted: frozenset[Acl]) -> Policy:
    acls = policy.acls | wanted
    if len(acls) > MAX_ACLS:
        raise PolicyViolation(f"{len(policy.acls)} entries exist, {MAX_ACLS} may")
    return replace(policy, acls=acls)


def _result(outcome: Acl | BrokerError) -> AclCreationResult:
    if isinstance(outcome, Acl):
        return AclCreationResult(error_code=ErrorCode.NONE, error_message=None)
    return AclCreationResult(error_code=outcome.code, error_message=str(outcome))
