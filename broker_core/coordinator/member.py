"""A member of a consumer group, and what the group answers to it. Pure.

A ticket stands for a request that waits: the group keeps it until it knows the answer and never
looks inside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from broker_core.errors import ErrorCode

Ticket = object


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """What somebody says who wants to join.

    Attributes:
        member_id: Empty if it has none yet.
        instance_id: Its name over restarts (static membership, KIP-345); None for most.
        protocols: Assignment protocol to the member's opaque metadata, most wanted first.
        must_know_id: Whether it is first told its id and joins again with it (KIP-394).
        skips_assignment: Whether it understands being leader without assigning (KIP-814).
        new_member_id: The id to give if it has none.
        session_ms: Silence after which it is taken for dead.
        rebalance_ms: How long it may take to join again in a rebalance.
    """

    member_id: str
    instance_id: str | None
    protocol_type: str
    protocols: Mapping[str, bytes]
    session_ms: int
    rebalance_ms: int
    new_member_id: str
    client_id: str = ""
    client_host: str = ""
    must_know_id: bool = True
    skips_assignment: bool = False


@dataclass(slots=True, kw_only=True)
class Member:
    """One member.

    Attributes:
        assignment: What the leader of this generation gave it; opaque.
        alive_until_ms: It is removed if nothing is heard of it until then.
        joining: The ticket of its JoinGroup while that waits.
        syncing: The ticket of its SyncGroup while that waits.
        must_sync: Whether it joined this generation and has yet to ask for its assignment.
    """

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_ms: int
    rebalance_ms: int
    protocols: Mapping[str, bytes]
    alive_until_ms: int
    assignment: bytes = b""
    joining: Ticket | None = field(default=None)
    syncing: Ticket | None = field(default=None)
    must_sync: bool = False

    @property
    def is_waiting(self) -> bool:
        """Whether the group owes it an answer; it cannot be expected to say more meanwhile."""
        return self.joining is not None or self.syncing is not None

    def update(self, joining: Joining) -> None:
        """Take over what the member says now."""
        self.protocols = joining.protocols
        self.session_ms = joining.session_ms
        self.rebalance_ms = joining.rebalance_ms
        self.client_id = joining.client_id
        self.client_host = joining.client_host


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedMember:
    """A member as the leader is told of it."""

    member_id: str
    instance_id: str | None
    metadata: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The answer to JoinGroup.

    Attributes:
        members: All of them for the leader, none for the others.
        skip_assignment: The leader needs not assign: the group keeps what it has.
    """

    error: ErrorCode = ErrorCode.NONE
    member_id: str = ""
    generation: int = -1
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str = ""
    members: Sequence[JoinedMember] = ()
    skip_assignment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """The answer to SyncGroup."""

    error: ErrorCode = ErrorCode.NONE
    assignment: bytes = b""
    protocol_type: str | None = None
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is due now, to the request behind a ticket."""

    ticket: Ticket
    answer: Joined | Synced
