"""Policy: everything decided through the protocol, as one value that is replaced whole. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker_core.acl import Acl
from broker_core.policy.quota import Quotas
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism

Credentials = Mapping[tuple[str, ScramMechanism], ScramCredential]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What stands now.

    Attributes:
        credentials: Who may sign in with SCRAM, by user name and mechanism.
        acls: Who may do what, where access is by access control lists.
        quotas: How much clients may send and fetch.
    """

    credentials: Credentials = field(default_factory=dict)
    acls: frozenset[Acl] = frozenset()
    quotas: Quotas = field(default_factory=dict)
