"""Access control lists as Kafka has them: entries, filters, and what they allow together. Pure.

An entry allows or denies a principal, from a host, one operation on a resource pattern. Denying
wins; what no entry allows is not allowed. Numbers and meanings: KIP-140, KIP-290.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

WILDCARD = "*"
ANYBODY = "User:*"
CLUSTER_NAME = "kafka-cluster"


class ResourceType(IntEnum):
    """What an entry is about."""

    ANY = 1
    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5


class PatternType(IntEnum):
    """How a resource name is meant; ``ANY`` and ``MATCH`` are for filters only."""

    ANY = 1
    MATCH = 2
    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """What is done to a resource; ``ANY`` is for filters only."""

    ANY = 1
    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12


class Permission(IntEnum):
    """Whether an entry allows or denies; ``ANY`` is for filters only."""

    ANY = 1
    DENY = 2
    ALLOW = 3


_IMPLIED_BY = {
    Operation.DESCRIBE: frozenset(
        {Operation.READ, Operation.WRITE, Operation.DELETE, Operation.ALTER}
    ),
    Operation.DESCRIBE_CONFIGS: frozenset({Operation.ALTER_CONFIGS}),
}

OPERATIONS_ON = {
    ResourceType.TOPIC: frozenset(
        {
            Operation.READ,
            Operation.WRITE,
            Operation.CREATE,
            Operation.DELETE,
            Operation.ALTER,
            Operation.DESCRIBE,
            Operation.DESCRIBE_CONFIGS,
            Operation.ALTER_CONFIGS,
        }
    ),
    ResourceType.GROUP: frozenset(
        {
            Operation.READ,
            Operation.DELETE,
            Operation.DESCRIBE,
            Operation.DESCRIBE_CONFIGS,
            Operation.ALTER_CONFIGS,
        }
    ),
    ResourceType.CLUSTER: frozenset(
        {
            Operation.CREATE,
            Operation.ALTER,
            Operation.DESCRIBE,
            Operation.CLUSTER_ACTION,
            Operation.DESCRIBE_CONFIGS,
            Operation.ALTER_CONFIGS,
            Operation.IDEMPOTENT_WRITE,
        }
    ),
    ResourceType.TRANSACTIONAL_ID: frozenset({Operation.WRITE, Operation.DESCRIBE}),
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Acl:
    """One entry.

    Attributes:
        resource_name: A name, the beginning of one, or ``*`` (literal) for all.
        principal: ``User:<name>``, or ``User:*`` for everybody.
        host: An address, or ``*`` for any.
    """

    resource_type: ResourceType
    resource_name: str
    pattern_type: PatternType
    principal: str
    host: str
    operation: Operation
    permission: Permission

    def covers(self, name: str) -> bool:
        """Whether its pattern stands for a resource of that name."""
        if self.pattern_type is PatternType.PREFIXED:
            return name.startswith(self.resource_name)
        return self.resource_name in (name, WILDCARD)


@dataclass(frozen=True, slots=True, kw_only=True)
class AclFilter:
    """What DescribeAcls and DeleteAcls ask for; None and ``ANY`` stand for everything."""

    resource_type: ResourceType
    resource_name: str | None
    pattern_type: PatternType
    principal: str | None
    host: str | None
    operation: Operation
    permission: Permission

    def matches(self, acl: Acl) -> bool:
        """Whether an entry is meant."""
        return (
            self.resource_type in (ResourceType.ANY, acl.resource_type)
            and self.operation in (Operation.ANY, acl.operation)
            and self.permission in (Permission.ANY, acl.permission)
            and self.principal in (None, acl.principal)
            and self.host in (None, acl.host)
            and self._matches_pattern(acl)
        )

    def _matches_pattern(self, acl: Acl) -> bool:
        if self.pattern_type not in (PatternType.ANY, PatternType.MATCH, acl.pattern_type):
            return False
        if self.resource_name is None:
            return True
        if self.pattern_type is PatternType.MATCH:
            return acl.covers(self.resource_name)
        return acl.resource_name == self.resource_name


class AclIndex:
    """Entries, arranged so that a question looks at those that may cover its resource only."""

    def __init__(self, acls: Iterable[Acl]) -> None:
        self._literal: dict[tuple[ResourceType, str], list[Acl]] = {}
        self._prefixed: dict[tuple[ResourceType, str], list[Acl]] = {}
        lengths: dict[ResourceType, set[int]] = {}
        self._all = tuple(acls)
        for acl in self._all:
            key = (acl.resource_type, acl.resource_name)
            if acl.pattern_type is PatternType.PREFIXED:
                self._prefixed.setdefault(key, []).append(acl)
                lengths.setdefault(acl.resource_type, set()).add(len(acl.resource_name))
            else:
                self._literal.setdefault(key, []).append(acl)
        self._prefix_lengths = {kind: sorted(found) for kind, found in lengths.items()}

    def allows(
        self, principal: str, host: str, operation: Operation, kind: ResourceType, name: str
    ) -> bool:
        """Whether something is allowed and not denied.

        Args:
            principal: ``User:<name>``.
            operation: One that can be done, neither ``ANY`` nor ``ALL``.
        """
        granting = {operation, Operation.ALL} | _IMPLIED_BY.get(operation, frozenset())
        allowed = False
        for acl in self._covering(kind, name):
            if acl.principal not in (principal, ANYBODY) or acl.host not in (host, WILDCARD):
                continue
            if acl.permission is Permission.DENY:
                if acl.operation in (operation, Operation.ALL):
                    return False
            elif acl.operation in granting:
                allowed = True
        return allowed

    def allows_some(
        self, principal: str, host: str, operation: Operation, kind: ResourceType
    ) -> bool:
        """Whether there is a resource of that kind, by the names of entries, that is allowed."""
        names = {acl.resource_name for acl in self._all if acl.resource_type is kind}
        return any(self.allows(principal, host, operation, kind, name) for name in names)

    def is_about(self, kind: ResourceType, name: str) -> bool:
        """Whether any entry says anything of a resource."""
        return any(True for _ in self._covering(kind, name))

    def _covering(self, kind: ResourceType, name: str) -> Iterator[Acl]:
        yield from self._literal.get((kind, name), ())
        if name != WILDCARD:
            yield from self._literal.get((kind, WILDCARD), ())
        for length in self._prefix_lengths.get(kind, ()):
            if length > len(name):
                break
            yield from self._prefixed.get((kind, name[:length]), ())
