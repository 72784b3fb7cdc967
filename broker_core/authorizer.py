"""Who may do what to which resource. Pure.

Three ways, one evaluation:

``open``: everyone may do everything, as with a broker run by itself on loopback.
``restricted``: whoever has signed in may do everything; an anonymous client on loopback may use
topics that begin with ``raw.``, with consumer groups and transactional ids that do not begin with
``tocsin``.
``acls``: super users may do everything, others what the access control lists allow; if that is
wanted, everyone may do everything to what no entry is about.

In the last two a client from elsewhere must sign in before anything else.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from broker_core.acl import (
    CLUSTER_NAME,
    WILDCARD,
    Acl,
    AclIndex,
    Operation,
    PatternType,
    Permission,
    ResourceType,
)

ANONYMOUS = "ANONYMOUS"
PUBLIC_TOPICS = "raw."
OWN_GROUPS = "tocsin"
LOOPBACK = "127.0.0.1"  # what any loopback address is called here


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is on the other end of a connection.

    Attributes:
        name: The name it signed in with, or ``ANONYMOUS``.
        is_local: Whether it connects over loopback.
        host: Its address, for rules that name one.
    """

    name: str
    is_local: bool
    host: str = ""

    @property
    def is_anonymous(self) -> bool:
        """Whether it has not signed in."""
        return self.name == ANONYMOUS


def _entry(
    kind: ResourceType,
    name: str,
    operation: Operation,
    *,
    pattern: PatternType = PatternType.LITERAL,
    permission: Permission = Permission.ALLOW,
) -> Acl:
    return Acl(
        resource_type=kind,
        resource_name=name,
        pattern_type=pattern,
        principal=f"User:{ANONYMOUS}",
        host=LOOPBACK,
        operation=operation,
        permission=permission,
    )


FOR_LOCAL_STRANGERS = (
    *(
        _entry(ResourceType.TOPIC, PUBLIC_TOPICS, operation, pattern=PatternType.PREFIXED)
        for operation in (Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS)
    ),
    _entry(ResourceType.GROUP, WILDCARD, Operation.READ),
    _entry(
        ResourceType.GROUP,
        OWN_GROUPS,
        Operation.ALL,
        pattern=PatternType.PREFIXED,
        permission=Permission.DENY,
    ),
    _entry(ResourceType.TRANSACTIONAL_ID, WILDCARD, Operation.WRITE),
    _entry(
        ResourceType.TRANSACTIONAL_ID,
        OWN_GROUPS,
        Operation.ALL,
        pattern=PatternType.PREFIXED,
        permission=Permission.DENY,
    ),
    _entry(ResourceType.CLUSTER, CLUSTER_NAME, Operation.IDEMPOTENT_WRITE),
)
"""What ``restricted`` lets anonymous clients on loopback do."""


class Authorizer:
    """Answers what a principal may do.

    Attributes:
        uses_acls: Whether access control lists are in use, so that managing them makes sense.
    """

    def __init__(
        self,
        *,
        is_super: Callable[[Principal], bool],
        acls: Callable[[], Iterable[Acl]],
        needs_sign_in: bool = True,
        uses_acls: bool = False,
        open_without_acl: bool = False,
    ) -> None:
        self.uses_acls = uses_acls
        self._open_without_acl = open_without_acl
        self._is_super = is_super
        self._acls = acls
        self._needs_sign_in = needs_sign_in
        self._indexed: Iterable[Acl] | None = None
        self._index = AclIndex(())

    @classmethod
    def open(cls) -> "Authorizer":
        """Everyone may do everything."""
        return cls(is_super=lambda _: True, acls=tuple, needs_sign_in=False)

    @classmethod
    def restricted(cls) -> "Authorizer":
        """Whoever has signed in may do everything."""
        return cls(
            is_super=lambda principal: not principal.is_anonymous, acls=lambda: FOR_LOCAL_STRANGERS
        )

    @classmethod
    def by_acls(
        cls,
        super_users: Collection[str],
        acls: Callable[[], Iterable[Acl]],
        *,
        open_without_acl: bool = False,
    ) -> "Authorizer":
        """Nobody may do anything unless an entry says so; but super users.

        Args:
            super_users: Names, without ``User:``.
            acls: The entries as they stand; arranged anew when another object is returned.
            open_without_acl: Everybody may do anything to what no entry is about.
        """
        names = frozenset(super_users) - {ANONYMOUS}
        return cls(
            is_super=lambda principal: principal.name in names,
            acls=acls,
            uses_acls=True,
            open_without_acl=open_without_acl,
        )

    def must_sign_in(self, principal: Principal) -> bool:
        """Whether nothing is answered until the client has signed in."""
        return self._needs_sign_in and principal.is_anonymous and not principal.is_local

    def may(
        self,
        principal: Principal,
        operation: Operation,
        kind: ResourceType,
        name: str = CLUSTER_NAME,
    ) -> bool:
        """Whether it may do that to the resource of that name."""
        if self._is_super(principal):
            return True
        if self._open_without_acl and not self._entries().is_about(kind, name):
            return True
        return self._entries().allows(
            f"User:{principal.name}", _host(principal), operation, kind, name
        )

    def may_produce_idempotently(self, principal: Principal) -> bool:
        """Whether it may be given a producer id: whoever may write to anything."""
        if self.may(principal, Operation.IDEMPOTENT_WRITE, ResourceType.CLUSTER):
            return True
        if self._open_without_acl:
            return True  # there is always a topic that no entry is about
        return self._entries().allows_some(
            f"User:{principal.name}", _host(principal), Operation.WRITE, ResourceType.TOPIC
        )

    def _entries(self) -> AclIndex:
        acls = self._acls()
        if acls is not self._indexed:
            self._indexed, self._index = acls, AclIndex(acls)
        return self._index


def _host(principal: Principal) -> str:
    return LOOPBACK if principal.is_local else principal.host
