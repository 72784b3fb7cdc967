"""Access control lists in the words of the protocol: numbers to entries and filters. Pure."""

from broker_core.acl import (
    CLUSTER_NAME,
    OPERATIONS_ON,
    Acl,
    AclFilter,
    Operation,
    PatternType,
    Permission,
    ResourceType,
)
from broker_core.errors import InvalidRequest
from broker_core.log.file_layout import MAX_TOPIC_CHARACTERS
from broker_core.protocol.messages.create_acls import AclCreation
from broker_core.protocol.messages.delete_acls import DeleteAclsFilter
from broker_core.protocol.messages.describe_acls import DescribeAclsRequest

MAX_NAME_CHARACTERS = 1024


def read_entry(asked: AclCreation) -> Acl:
    """Return the entry that is asked for.

    Raises:
        InvalidRequest: A number without meaning, or an entry that could never apply.
    """
    try:
        acl = Acl(
            resource_type=ResourceType(asked.resource_type),
            resource_name=asked.resource_name,
            pattern_type=PatternType(asked.resource_pattern_type),
            principal=asked.principal,
            host=asked.host,
            operation=Operation(asked.operation),
            permission=Permission(asked.permission_type),
        )
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    _check(acl)
    return acl


def read_filter(asked: DescribeAclsRequest | DeleteAclsFilter) -> AclFilter:
    """Return the filter that is asked for.

    Raises:
        InvalidRequest: A number without meaning.
    """
    try:
        return AclFilter(
            resource_type=ResourceType(asked.resource_type_filter),
            resource_name=asked.resource_name_filter,
            pattern_type=PatternType(asked.pattern_type_filter),
            principal=asked.principal_filter,
            host=asked.host_filter,
            operation=Operation(asked.operation),
            permission=Permission(asked.permission_type),
        )
    except ValueError as error:
        raise InvalidRequest(str(error)) from error


def _check(acl: Acl) -> None:
    operations = OPERATIONS_ON.get(acl.resource_type)
    if operations is None:
        raise InvalidRequest("an entry is about one kind of resource")
    if acl.operation is not Operation.ALL and acl.operation not in operations:
        raise InvalidRequest(f"nobody can {acl.operation.name} a {acl.resource_type.name}")
    if acl.pattern_type not in (PatternType.LITERAL, PatternType.PREFIXED):
        raise InvalidRequest("an entry's pattern is literal or prefixed")
    if acl.permission is Permission.ANY:
        raise InvalidRequest("an entry allows or denies")
    if not acl.principal.startswith("User:") or acl.principal == "User:":
        raise InvalidRequest(f"principal {acl.principal[:64]!r} is not User:<name>")
    if not acl.host or not acl.resource_name:
        raise InvalidRequest("an entry names a resource and a host, or * for any")
    if max(map(len, (acl.resource_name, acl.principal, acl.host))) > MAX_NAME_CHARACTERS:
        raise InvalidRequest(f"a name of more than {MAX_NAME_CHARACTERS} characters")
    if acl.resource_type is ResourceType.CLUSTER and acl.resource_name != CLUSTER_NAME:
        raise InvalidRequest(f"the cluster is called {CLUSTER_NAME}")
    if acl.resource_type is ResourceType.TOPIC and len(acl.resource_name) > MAX_TOPIC_CHARACTERS:
        raise InvalidRequest(f"no topic's name is longer than {MAX_TOPIC_CHARACTERS} characters")
