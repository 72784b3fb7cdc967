"""API key 29, DescribeAcls, versions 1 to 3: the access control lists, as far as a filter matches.

Not done: resources other than topics, groups, the cluster and transactional ids.
"""

from itertools import groupby

from broker_core.acl import Acl, Operation
from broker_core.errors import BrokerError, ErrorCode
from broker_core.handlers.acl_requests import read_filter
from broker_core.handlers.create_acls import check_use
from broker_core.handlers.services import Call
from broker_core.protocol.messages.describe_acls import (
    AclDescription,
    DescribeAclsRequest,
    DescribeAclsResource,
    DescribeAclsResponse,
)


async def handle(request: DescribeAclsRequest, call: Call) -> DescribeAclsResponse:
    """Describe the entries that match, by resource pattern."""
    try:
        check_use(Operation.DESCRIBE, call)
        wanted = read_filter(request)
    except BrokerError as error:
        return DescribeAclsResponse(error_code=error.code, error_message=str(error), resources=())
    found = sorted(acl for acl in call.services.policy.current.acls if wanted.matches(acl))
    return DescribeAclsResponse(
        error_code=ErrorCode.NONE,
        error_message=None,
        resources=tuple(
            DescribeAclsResource(
                resource_type=kind,
                resource_name=name,
                pattern_type=pattern,
                acls=tuple(_description(acl) for acl in acls),
            )
            for (kind, name, pattern), acls in groupby(
                found, key=lambda acl: (acl.resource_type, acl.resource_name, acl.pattern_type)
            )
        ),
    )


def _description(acl: Acl) -> AclDescription:
    return AclDescription(
        principal=acl.principal,
        host=acl.host,
        operation=acl.operation,
        permission_type=acl.permission,
    )
