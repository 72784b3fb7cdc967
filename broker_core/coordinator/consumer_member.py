"""A member of a consumer group (new protocol, KIP-848): what it wants, and what it holds. Pure.

Members are values: a later state is another value.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

from broker_core.coordinator.topic_partitions import TopicPartition

JOIN_EPOCH = 0
LEAVE_EPOCH = -1
STATIC_LEAVE_EPOCH = -2


class MemberState(IntEnum):
    """How far a member is on its way to its target; Kafka's numbers."""

    STABLE = 1
    UNREVOKED_PARTITIONS = 2
    UNRELEASED_PARTITIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One heartbeat: what a member says; None where it says that nothing has changed.

    Attributes:
        epoch: That the member has heard last; 0: it joins.
        owned: The partitions that it holds right now.
        topic_regex: Empty: it has none any more.
        assignor: The server's assignor that it would like.
    """

    member_id: str
    epoch: int
    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    rebalance_ms: int | None = None
    topic_names: frozenset[str] | None = None
    topic_regex: str | None = None
    assignor: str | None = None
    owned: Set[TopicPartition] | None = None

    @property
    def is_full(self) -> bool:
        """Whether it says everything: the member wants everything said in return."""
        subscribes = self.topic_names is not None or self.topic_regex is not None
        return self.rebalance_ms is not None and subscribes and self.owned is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerMember:
    """One member.

    Attributes:
        instance_id: Its name over restarts (static membership, KIP-345); None for most.
        rebalance_ms: How long it may take to give up partitions.
        topic_regex: RE2, for the whole name; empty for none.
        epoch: Of the target that it has reached or is about to; -2: a static member that is away.
        previous_epoch: Before that; it may not have heard of the new one.
        assigned: What it may read, and in which epoch it was given that.
        pending_revocation: What it must give up, and has not yet.
    """

    member_id: str
    instance_id: str | None = None
    rack_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    rebalance_ms: int = -1
    topic_names: frozenset[str] = frozenset()
    topic_regex: str = ""
    assignor: str | None = None
    epoch: int = 0
    previous_epoch: int = 0
    state: MemberState = MemberState.STABLE
    assigned: Mapping[TopicPartition, int] = field(default_factory=lambda: MappingProxyType({}))
    pending_revocation: Mapping[TopicPartition, int] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def holds(self) -> Set[TopicPartition]:
        """What nobody else may have: what it reads, and what it must still give up."""
        return self.assigned.keys() | self.pending_revocation.keys()
