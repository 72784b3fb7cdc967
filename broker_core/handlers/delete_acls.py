"""API key 31, DeleteAcls, versions 1 to 3: remove the entries that filters match.

What is removed is gone from disk before the answer and counts no more from the next request on.

Not done: resources other than topics, groups, the cluster and transactional ids.
"""

from dataclasses import replace

import structlog

from broker_core.acl import Acl, AclFilter, Operation
from broker_core.errors import BrokerError, ErrorCode
from broker_core.handlers.acl_requests import read_filter
from broker_core.handlers.create_acls import check_use
from broker_core.handlers.services import Call
from broker_core.policy.policy import Policy
from broker_core.protocol.messages.delete_acls import (
    DeleteAclsFilter,
    DeleteAclsFilterResult,
    DeleteAclsMatchingAcl,
    DeleteAclsRequest,
    DeleteAclsResponse,
)

log = structlog.get_logger()


async def handle(request: DeleteAclsRequest, call: Call) -> DeleteAclsResponse:
    """Remove everything that matches, all at once."""
    filters: list[AclFilter | BrokerError] = []
    before: frozenset[Acl] = frozenset()

    def without(policy: Policy) -> Policy:
        nonlocal before
        before = policy.acls
        return replace(
            policy, acls=frozenset(acl for acl in policy.acls if not _is_meant(acl, filters))
        )

    try:
        check_use(Operation.ALTER, call)
        filters = [_read(asked) for asked in request.filters]
        await call.services.policy.change(without)
    except BrokerError as error:
        filters = [error] * len(request.filters)
    for acl in sorted(before):
        if _is_meant(acl, filters):
            log.info("acl_deleted", acl=str(acl), by=call.client.principal.name)
    return DeleteAclsResponse(filter_results=tuple(_result(each, before) for each in filters))


def _read(asked: DeleteAclsFilter) -> AclFilter | BrokerError:
    try:
        return read_filter(asked)
    except BrokerError as error:
        return error


def _is_meant(acl: Acl, filters: list[AclFilter | BrokerError]) -> bool:
    return any(isinstance(each, AclFilter) and each.matches(acl) for each in filters)


def _result(wanted: AclFilter | BrokerError, before: frozenset[Acl]) -> DeleteAclsFilterResult:
    if isinstance(wanted, BrokerError):
        return DeleteAclsFilterResult(
            error_code=wanted.code, error_message=str(wanted), matching_acls=()
        )
    return DeleteAclsFilterResult(
        error_code=ErrorCode.NONE,
        error_message=None,
        matching_acls=tuple(
            DeleteAclsMatchingAcl(
                resource_type=acl.resource_type,
                resource_name=acl.resource_name,
                pattern_type=acl.pattern_type,
                principal=acl.principal,
                host=acl.host,
                operation=acl.operation,
                permission_type=acl.permission,
            )
            for acl in sorted(before)
            if wanted.matches(acl)
        ),
    )
