"""The members of one consumer group (KIP-848): who somebody is, and who holds what. Pure.

A member is known by its id; a static one besides by its instance id, under which it comes back with
another member id. A method that raises has changed nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType

from broker_core.coordinator.consumer_member import (
    JOIN_EPOCH,
    STATIC_LEAVE_EPOCH,
    Beat,
    ConsumerMember,
)
from broker_core.coordinator.member_errors import (
    FencedMemberEpoch,
    StaleMemberEpoch,
    UnreleasedInstanceId,
)
from broker_core.coordinator.topic_partitions import TopicPartition
from broker_core.errors import FencedInstanceId, GroupMaxSizeReached, UnknownMemberId


class ConsumerMembers:
    """Everybody who is in the group.

    Attributes:
        by_id: They, by member id; not to be changed.
    """

    def __init__(self, *, max_members: int) -> None:
        self._members: dict[str, ConsumerMember] = {}
        self.by_id: Mapping[str, ConsumerMember] = MappingProxyType(self._members)
        self._max_members = max_members
        self._owners: dict[TopicPartition, str] = {}
        self._instances: dict[str, str] = {}  # static instance id to member id

    # -- who somebody is

    def sender_of(self, beat: Beat) -> ConsumerMember | None:
        """The member that a heartbeat is of, a static one under its old id; None: a new one.

        Raises:
            UnknownMemberId, FencedMemberEpoch, FencedInstanceId: It is no member (any more).
            UnreleasedInstanceId, GroupMaxSizeReached: It cannot join.
        """
        if beat.epoch == JOIN_EPOCH:
            return self._joining(beat.member_id, beat.instance_id)
        member = self.named(beat.member_id, beat.instance_id)
        _check_heartbeat(member, beat)
        return member

    def named(self, member_id: str, instance_id: str | None) -> ConsumerMember:
        """The member that names itself so.

        Raises:
            UnknownMemberId, FencedInstanceId: There is none.
        """
        if instance_id is not None:
            holder = self._instances.get(instance_id)
            if holder is None:
                raise UnknownMemberId(f"no member has the instance id {instance_id!r}")
            if holder != member_id:
                raise FencedInstanceId(f"{instance_id!r} belongs to member {holder}")
        member = self._members.get(member_id)
        if member is None:
            raise UnknownMemberId(f"{member_id!r} is no member of the group")
        return member

    def check_epoch(self, member_id: str, epoch: int) -> None:
        """Return if that is the epoch of a member.

        Raises:
            UnknownMemberId: It is no member (any more).
            StaleMemberEpoch: It has another one by now.
        """
        member = self.named(member_id, None)
        if epoch != member.epoch:
            raise StaleMemberEpoch(f"the member's epoch is {member.epoch}, not {epoch}")

    def _joining(self, member_id: str, instance_id: str | None) -> ConsumerMember | None:
        """The place of who joins: its own, or that of a static member who is away."""
        holder = self._instances.get(instance_id or "", member_id)
        member = self._members.get(holder)
        if member is None and len(self._members) >= self._max_members:
            raise GroupMaxSizeReached(f"{self._max_members} members are the most")
        if member is not None and holder != member_id:
            is_away = member.epoch == STATIC_LEAVE_EPOCH and member_id not in self._members
            if not is_away:
                raise UnreleasedInstanceId(f"{instance_id!r} belongs to member {holder}")
        return member

    # -- who holds what

    def is_free(self, partition: TopicPartition, member_id: str) -> bool:
        """Whether nobody but that member holds a partition."""
        return self._owners.get(partition, member_id) == member_id

    def put(self, member: ConsumerMember) -> bool:
        """Let a member be as it is said; whether that is news."""
        known = self._members.get(member.member_id)
        if known == member:
            return False
        if known is not None:
            self._let_go(known)
        self._members[member.member_id] = member
        if member.instance_id is not None:
            self._instances[member.instance_id] = member.member_id
        for partition in member.holds():
            self._owners[partition] = member.member_id
        return True

    def remove(self, member_id: str) -> ConsumerMember:
        """Let a member be gone, and what it holds be free."""
        member = self._members.pop(member_id)
        self._let_go(member)
        return member

    def _let_go(self, member: ConsumerMember) -> None:
        for partition in member.holds():
            if self._owners.get(partition) == member.member_id:
                del self._owners[partition]
        name = member.instance_id
        if name is not None and self._instances.get(name) == member.member_id:
            del self._instances[name]


def _check_heartbeat(member: ConsumerMember, beat: Beat) -> None:
    """A member that did not hear of its newest epoch may still name the one before."""
    if beat.epoch == member.epoch:
        return
    is_away = member.epoch == STATIC_LEAVE_EPOCH
    holds_what_it_may = beat.owned is not None and beat.owned <= member.assigned.keys()
    if is_away or beat.epoch != member.previous_epoch or not holds_what_it_may:
        raise FencedMemberEpoch(f"the member's epoch is {member.epoch}, not {beat.epoch}")
