"""Access control lists against a model that looks at every entry and knows no shortcut."""

from hypothesis import given
from hypothesis import strategies as st

from broker_core.acl import (
    Acl,
    AclFilter,
    AclIndex,
    Operation,
    PatternType,
    Permission,
    ResourceType,
)

NAMES = ["a", "ab", "abc", "b", "*", "", "raw.", "raw.x"]
PRINCIPALS = ["User:ada", "User:bob", "User:*"]
HOSTS = ["10.0.0.1", "10.0.0.2", "*"]
KINDS = [kind for kind in ResourceType if kind is not ResourceType.ANY]
OPERATIONS = [each for each in Operation if each not in (Operation.ANY, Operation.ALL)]
IMPLIED = {
    Operation.DESCRIBE: {"READ", "WRITE", "DELETE", "ALTER"},
    Operation.DESCRIBE_CONFIGS: {"ALTER_CONFIGS"},
}

entries = st.builds(
    Acl,
    resource_type=st.sampled_from(KINDS),
    resource_name=st.sampled_from(NAMES),
    pattern_type=st.sampled_from([PatternType.LITERAL, PatternType.PREFIXED]),
    principal=st.sampled_from(PRINCIPALS),
    host=st.sampled_from(HOSTS),
    operation=st.sampled_from([*OPERATIONS, Operation.ALL]),
    permission=st.sampled_from([Permission.ALLOW, Permission.DENY]),
)


def applies(acl: Acl, principal: str, host: str, kind: ResourceType, name: str) -> bool:
    if acl.resource_type != kind:
        return False
    if acl.pattern_type == PatternType.PREFIXED and not name.startswith(acl.resource_name):
        return False
    if acl.pattern_type == PatternType.LITERAL and acl.resource_name not in ("*", name):
        return False
    return acl.principal in ("User:*", principal) and acl.host in ("*", host)


def model_allows(
    acls: list[Acl], principal: str, host: str, operation: Operation, kind: ResourceType, name: str
) -> bool:
    mine = [acl for acl in acls if applies(acl, principal, host, kind, name)]
    denied = {acl.operation for acl in mine if acl.permission == Permission.DENY}
    allowed = {acl.operation for acl in mine if acl.permission == Permission.ALLOW}
    if denied & {operation, Operation.ALL}:
        return False
    implied = {Operation[name] for name in IMPLIED.get(operation, set())}
    return bool(allowed & ({operation, Operation.ALL} | implied))


@given(
    acls=st.lists(entries, max_size=12),
    principal=st.sampled_from(["User:ada", "User:bob", "User:eve"]),
    host=st.sampled_from(["10.0.0.1", "10.0.0.3"]),
    operation=st.sampled_from(OPERATIONS),
    kind=st.sampled_from(KINDS),
    name=st.sampled_from(NAMES),
)
def test_the_index_allows_what_the_model_allows(
    acls: list[Acl], principal: str, host: str, operation: Operation, kind: ResourceType, name: str
) -> None:
    index = AclIndex(acls)

    allowed = index.allows(principal, host, operation, kind, name)

    assert allowed == model_allows(acls, principal, host, operation, kind, name)
    if allowed and any(acl.resource_name == name and acl.resource_type is kind for acl in acls):
        assert index.allows_some(principal, host, operation, kind)


@given(acls=st.lists(entries, max_size=8), denial=entries, name=st.sampled_from(NAMES))
def test_no_entry_that_allows_outweighs_one_that_denies(
    acls: list[Acl], denial: Acl, name: str
) -> None:
    everything = AclIndex(
        [
            *acls,
            Acl(
                resource_type=denial.resource_type,
                resource_name=denial.resource_name,
                pattern_type=denial.pattern_type,
                principal="User:*",
                host="*",
                operation=Operation.ALL,
                permission=Permission.DENY,
            ),
        ]
    )
    if denial.covers(name):
        for operation in OPERATIONS:
            assert not everything.allows(
                "User:ada", "10.0.0.1", operation, denial.resource_type, name
            )


@given(
    acl=entries,
    kind=st.sampled_from(list(ResourceType)),
    name=st.none() | st.sampled_from(NAMES),
    pattern=st.sampled_from(list(PatternType)),
    principal=st.none() | st.sampled_from(PRINCIPALS),
    host=st.none() | st.sampled_from(HOSTS),
    operation=st.sampled_from(list(Operation)),
    permission=st.sampled_from(list(Permission)),
)
def test_a_filter_matches_what_each_of_its_parts_matches(
    acl: Acl,
    kind: ResourceType,
    name: str | None,
    pattern: PatternType,
    principal: str | None,
    host: str | None,
    operation: Operation,
    permission: Permission,
) -> None:
    wanted = AclFilter(
        resource_type=kind,
        resource_name=name,
        pattern_type=pattern,
        principal=principal,
        host=host,
        operation=operation,
        permission=permission,
    )
    if pattern == PatternType.MATCH:
        by_pattern = name is None or applies(acl, acl.principal, acl.host, acl.resource_type, name)
    else:
        by_pattern = pattern in (1, acl.pattern_type) and name in (None, acl.resource_name)

    assert wanted.matches(acl) == (
        kind in (1, acl.resource_type)
        and by_pattern
        and principal in (None, acl.principal)
        and host in (None, acl.host)
        and operation in (1, acl.operation)
        and permission in (1, acl.permission)
    )
