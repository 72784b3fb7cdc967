"""What a handler may use, and what it knows of the request it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from broker_core.acl import CLUSTER_NAME, OPERATIONS_ON, Operation, ResourceType
from broker_core.authorizer import Authorizer, Principal
from broker_core.clock import Clock
from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.marker_lines import MarkerLines
from broker_core.coordinator.markers import MarkerWriter
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.coordinator.transaction_registry import TransactionRegistry
from broker_core.coordinator.verification import Verification
from broker_core.error_codes import ErrorCode
from broker_core.handlers.delayed import DelayedFetches
from broker_core.handlers.fetch_session import FetchSessions
from broker_core.handlers.preparing import Preparing
from broker_core.handlers.throttling import Throttle
from broker_core.handlers.topology import Topology
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.policy.policy_store import PolicyStore
from broker_core.protocol.api_keys import Api
from broker_core.replication.replicas import Replicas
from broker_core.settings import BrokerSettings


def is_internal(topic: str) -> bool:
    """Whether only the broker itself writes to the topic."""
    return topic.startswith("__")


class SaslExchange(Protocol):
    """One sign-in under way.

    Attributes:
        name: Who signed in, once the exchange has ended well.
    """

    name: str | None

    def step(self, message: bytes) -> bytes:
        """Take the client's next message, return the answer; raises SaslAuthenticationFailed."""
        ...


class SaslMechanisms(Protocol):
    """The ways to sign in."""

    @property
    def names(self) -> Sequence[str]:
        """Their names (RFC 4422)."""
        ...

    def begin(self, name: str) -> SaslExchange:
        """Begin an exchange; raises UnsupportedSaslMechanism."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of the broker that handlers speak to.

    Attributes:
        topology: Who is in the cluster and leads what.
        transactions: What this node coordinates.
        verification: Asks whoever coordinates a transaction.
        markers: Ends transactions in partitions that this node leads.
        marker_lines: Which connections of other nodes may bring markers.
        node_user: What the nodes of the cluster sign in as; None on a node that is alone.
    """

    settings: BrokerSettings
    logs: LogDirectory
    commit: GroupCommit
    replicas: Replicas
    topology: Topology
    groups: GroupRegistry
    producer_ids: ProducerIds
    transactions: TransactionRegistry
    verification: Verification
    markers: MarkerWriter
    clock: Clock
    authorizer: Authorizer
    delayed: DelayedFetches
    fetch_sessions: FetchSessions
    mechanisms: SaslMechanisms
    policy: PolicyStore
    throttle: Throttle
    node_user: str | None = None
    preparing: Preparing = field(default_factory=Preparing)
    marker_lines: MarkerLines = field(default_factory=MarkerLines)


@dataclass(slots=True, kw_only=True)
class Client:
    """The connection a request came on; signing in changes it.

    Attributes:
        exchange: The sign-in that SaslHandshake began and that has not ended yet.
        takes_bare_messages: Whether frames are its messages, without headers (KIP-43).
        has_signed_in: Whether the principal's name is from SASL.
        session_ends_ms: When it must have signed in again (KIP-368); None for never.
        is_refused: Whether it failed to sign in; nothing more is answered.
    """

    principal: Principal
    host: str
    exchange: SaslExchange | None = None
    takes_bare_messages: bool = False
    has_signed_in: bool = False
    session_ends_ms: int | None = None
    is_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request's surroundings."""

    services: Services
    client: Client
    api: Api
    version: int
    client_id: str = field(default="")

    def may(self, operation: Operation, kind: ResourceType, name: str = CLUSTER_NAME) -> bool:
        """Whether the client may do that to the resource of that name."""
        return self.services.authorizer.may(self.client.principal, operation, kind, name)

    def authorized_operations(self, kind: ResourceType, name: str = CLUSTER_NAME) -> int:
        """All that the client may do to the resource, a bit for each operation (KIP-430).

        None of it is told to a client that may not describe the resource.
        """
        if not self.may(Operation.DESCRIBE, kind, name):
            return 0
        return sum(1 << one for one in OPERATIONS_ON[kind] if self.may(one, kind, name))

    @property
    def is_of_node(self) -> bool:
        """Whether it comes from another node of the cluster."""
        user = self.services.node_user
        return user is not None and self.client.principal.name == user

    def may_see(self, topic: str) -> bool:
        """Whether the client may know of the topic."""
        return self.may(Operation.DESCRIBE, ResourceType.TOPIC, topic)

    def may_read(self, topic: str) -> bool:
        """Whether the client may read from the topic."""
        return self.may(Operation.READ, ResourceType.TOPIC, topic)

    def may_write(self, topic: str) -> bool:
        """Whether the client may write to the topic."""
        return self.may(Operation.WRITE, ResourceType.TOPIC, topic)

    def may_see_group(self, group: str) -> bool:
        """Whether the client may know of the consumer group."""
        return self.may(Operation.DESCRIBE, ResourceType.GROUP, group)

    def group_refusal(self, group: str, operation: Operation = Operation.READ) -> ErrorCode:
        """Why a request about a group is not for this node or this client; NONE if it is."""
        if not self.may(operation, ResourceType.GROUP, group):
            return ErrorCode.GROUP_AUTHORIZATION_FAILED
        return self.services.groups.refusal(group)

    def may_use_group(self, group: str) -> bool:
        """Whether the client may be a member of the group and commit its offsets."""
        return self.may(Operation.READ, ResourceType.GROUP, group)

    def may_see_transactional_id(self, transactional_id: str) -> bool:
        """Whether the client may know of the transactional id."""
        return self.may(Operation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, transactional_id)

    def may_use_transactional_id(self, transactional_id: str) -> bool:
        """Whether the client may own the transactional id."""
        return self.may(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, transactional_id)
