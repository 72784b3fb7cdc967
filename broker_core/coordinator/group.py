"""One consumer group's state machine (classic protocol, KIP-62, 345, 394, 814). Pure.

::

    Empty ──join──▶ PreparingRebalance ──all joined, or time up──▶ CompletingRebalance
      ▲                 ▲      │ nobody joined                        │ leader synced
      └─────────────────┼──────┘                                      ▼
      Dead ◀──delete──  └────────join, leave, silence───────────── Stable

A rebalance makes a new generation: every member joins, one of them (the leader) is told all the
others and assigns partitions, which every member then fetches by SyncGroup. The group only passes
bytes on: what members say and what the leader assigns is opaque here, so cooperative assignment,
which is a matter between clients, works.

Time comes in as ``now_ms`` of any steady clock; :attr:`Group.deadline_ms` says when
:meth:`Group.tick` must be called at the latest. Every method returns the answers that are due.

Left out: the group's members are not kept on disk; after a restart they join anew.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from broker_core.coordinator.member import (
    Joined,
    JoinedMember,
    Joining,
    Member,
    Reply,
    Synced,
    Ticket,
)
from broker_core.errors import ErrorCode


class GroupState(StrEnum):
    """The states, by the names that DescribeGroups and ListGroups show."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


class Group:
    """One group and its members.

    Attributes:
        generation: Counts rebalances; 0 before the first.
        protocol_type: ``consumer`` for consumers; empty before somebody joins.
        protocol: The assignment protocol chosen for this generation.
        leader: Id of the member that assigns.
    """

    def __init__(self, group_id: str, *, initial_delay_ms: int, max_members: int) -> None:
        self.group_id = group_id
        self.state = GroupState.EMPTY
        self.generation = 0
        self.protocol_type = ""
        self.protocol: str | None = None
        self.leader: str | None = None
        self.members: dict[str, Member] = {}
        self._instances: dict[str, str] = {}  # static instance id to member id
        self._given_ids: dict[str, int] = {}  # ids given out (KIP-394), and until when they hold
        self._initial_delay_ms = initial_delay_ms
        self._max_members = max_members
        self._rebalance_until_ms = 0
        self._initial_limit_ms: int | None = None
        self._sync_until_ms = 0

    # -- what members say

    def join(self, joining: Joining, ticket: Ticket, now_ms: int) -> list[Reply]:
        """Become a member, or say in a rebalance that one still is."""
        error = self._join_error(joining)
        if error is not ErrorCode.NONE:
            return [Reply(ticket, Joined(error=error, member_id=joining.member_id))]
        if joining.member_id:
            return self._join_again(joining, ticket, now_ms)
        if joining.instance_id is not None and joining.instance_id in self._instances:
            return self._take_over(joining, ticket, now_ms)
        if joining.instance_id is None and joining.must_know_id:
            self._given_ids[joining.new_member_id] = now_ms + joining.session_ms
            required = Joined(error=ErrorCode.MEMBER_ID_REQUIRED, member_id=joining.new_member_id)
            return [Reply(ticket, required)]
        return self._add(joining, joining.new_member_id, ticket, now_ms)

    def sync(
        self,
        *,
        member_id: str,
        instance_id: str | None,
        generation: int,
        protocol_type: str | None,
        protocol: str | None,
        assignments: Mapping[str, bytes],
        ticket: Ticket,
        now_ms: int,
    ) -> list[Reply]:
        """Ask for the assignment; the leader brings everybody's."""
        error = self.check_member(member_id, instance_id, generation)
        if error is ErrorCode.NONE and (
            (protocol_type is not None and protocol_type != self.protocol_type)
            or (protocol is not None and protocol != self.protocol)
        ):
            error = ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        if error is ErrorCode.NONE and self.state is GroupState.PREPARING_REBALANCE:
            error = ErrorCode.REBALANCE_IN_PROGRESS
        if error is not ErrorCode.NONE:
            return [Reply(ticket, Synced(error=error))]
        member = self.members[member_id]
        member.must_sync = False
        self._keep_alive(member, now_ms)
        if self.state is GroupState.STABLE:
            return [Reply(ticket, self._synced(member))]
        replaced = self._answer_sync(member, ErrorCode.REBALANCE_IN_PROGRESS)
        member.syncing = ticket
        if member_id != self.leader:
            return replaced
        for other in self.members.values():
            other.assignment = assignments.get(other.member_id, b"")
        self.state = GroupState.STABLE
        return replaced + self._answer_syncs(now_ms)

    def heartbeat(
        self, *, member_id: str, instance_id: str | None, generation: int, now_ms: int
    ) -> ErrorCode:
        """Say that a member is alive; the answer tells it whether to join again."""
        error = self.check_member(member_id, instance_id, generation)
        if error is not ErrorCode.NONE:
            return error
        self._keep_alive(self.members[member_id], now_ms)
        if self.state is GroupState.PREPARING_REBALANCE:
            return ErrorCode.REBALANCE_IN_PROGRESS
        return ErrorCode.NONE

    def leave(
        self, *, member_id: str, instance_id: str | None, now_ms: int
    ) -> tuple[ErrorCode, list[Reply]]:
        """Remove a member that says goodbye, by its id or by its static instance id."""
        if self._given_ids.pop(member_id, None) is not None:
            return ErrorCode.NONE, self._complete_if_all_joined(now_ms)
        if instance_id is not None:
            known = self._instances.get(instance_id)
            if known is None:
                return ErrorCode.UNKNOWN_MEMBER_ID, []
            if member_id and member_id != known:
                return ErrorCode.FENCED_INSTANCE_ID, []
            member_id = known
        if member_id not in self.members:
            return ErrorCode.UNKNOWN_MEMBER_ID, []
        return ErrorCode.NONE, self._remove(self.members[member_id], now_ms)

    def check_member(self, member_id: str, instance_id: str | None, generation: int) -> ErrorCode:
        """Say whether somebody is a member of this generation."""
        if self.state is GroupState.DEAD:
            return ErrorCode.COORDINATOR_NOT_AVAILABLE
        if instance_id is not None:
            known = self._instances.get(instance_id)
            if known is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
            if known != member_id:
                return ErrorCode.FENCED_INSTANCE_ID
        if member_id not in self.members:
            return ErrorCode.UNKNOWN_MEMBER_ID
        if generation != self.generation:
            return ErrorCode.ILLEGAL_GENERATION
        return ErrorCode.NONE

    def check_commit(
        self, *, member_id: str, instance_id: str | None, generation: int, now_ms: int
    ) -> ErrorCode:
        """Say whether somebody may commit offsets; who is no member may while there is none."""
        if generation < 0 and not self.members:
            return ErrorCode.NONE
        error = self.check_member(member_id, instance_id, generation)
        if error is ErrorCode.NONE:
            self._keep_alive(self.members[member_id], now_ms)
            if self.state is GroupState.COMPLETING_REBALANCE:
                return ErrorCode.REBALANCE_IN_PROGRESS
        return error

    # -- time

    @property
    def deadline_ms(self) -> int | None:
        """When :meth:`tick` must be called at the latest; None if nothing can become due."""
        due = [member.alive_until_ms for member in self.members.values() if not member.is_waiting]
        due.extend(self._given_ids.values())
        if self.state is GroupState.PREPARING_REBALANCE:
            due.append(self._rebalance_until_ms)
        if self.state is GroupState.COMPLETING_REBALANCE:
            due.append(self._sync_until_ms)
        return min(due, default=None)

    def tick(self, now_ms: int) -> list[Reply]:
        """Do what is due: remove who is silent, end a rebalance that took its time."""
        replies: list[Reply] = []
        for member_id in [given for given, until in self._given_ids.items() if until <= now_ms]:
            del self._given_ids[member_id]
        for member in list(self.members.values()):
            if not member.is_waiting and member.alive_until_ms <= now_ms:
                replies += self._remove(member, now_ms)
        if self.state is GroupState.COMPLETING_REBALANCE and self._sync_until_ms <= now_ms:
            for member in [one for one in self.members.values() if one.must_sync]:
                replies += self._remove(member, now_ms)
        if self.state is GroupState.PREPARING_REBALANCE:
            if self._rebalance_until_ms <= now_ms:
                replies += self._end_joining(now_ms)
            else:
                replies += self._complete_if_all_joined(now_ms)
        return replies

    def dismiss(self, error: ErrorCode) -> list[Reply]:
        """Answer everybody who waits, because the coordinator stops."""
        return [
            reply
            for member in self.members.values()
            for reply in self._answer_join(member, error) + self._answer_sync(member, error)
        ]

    def die(self) -> None:
        """Be deleted; only without members."""
        assert not self.members, "a group with members is not deleted"
        self.state = GroupState.DEAD

    # -- joining

    def _join_error(self, joining: Joining) -> ErrorCode:
        if self.state is GroupState.DEAD:
            return ErrorCode.COORDINATOR_NOT_AVAILABLE
        if not joining.protocol_type or not joining.protocols:
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        others = [member for member in self.members.values() if not self._is_same(member, joining)]
        if others and joining.protocol_type != self.protocol_type:
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        if others and not any(
            all(name in member.protocols for member in others) for name in joining.protocols
        ):
            return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
        is_known = len(others) < len(self.members) or joining.member_id in self._given_ids
        if not is_known and len(self.members) + len(self._given_ids) >= self._max_members:
            return ErrorCode.GROUP_MAX_SIZE_REACHED
        return ErrorCode.NONE

    def _is_same(self, member: Member, joining: Joining) -> bool:
        if joining.instance_id is not None:
            return member.instance_id == joining.instance_id
        return member.member_id == joining.member_id

    def _join_again(self, joining: Joining, ticket: Ticket, now_ms: int) -> list[Reply]:
        if joining.instance_id is None and self._given_ids.pop(joining.member_id, None) is not None:
            return self._add(joining, joining.member_id, ticket, now_ms)
        error = self.check_member(joining.member_id, joining.instance_id, self.generation)
        if error is not ErrorCode.NONE:
            return [Reply(ticket, Joined(error=error, member_id=joining.member_id))]
        member = self.members[joining.member_id]
        is_unchanged = member.protocols == joining.protocols
        is_repeat = is_unchanged and (
            self.state is GroupState.COMPLETING_REBALANCE
            or (self.state is GroupState.STABLE and member.member_id != self.leader)
        )
        member.update(joining)
        if is_repeat:
            self._keep_alive(member, now_ms)
            return [Reply(ticket, self._joined(member))]
        return self._wait_for_others(member, ticket, now_ms)

    def _add(self, joining: Joining, member_id: str, ticket: Ticket, now_ms: int) -> list[Reply]:
        member = Member(
            member_id=member_id,
            instance_id=joining.instance_id,
            client_id=joining.client_id,
            client_host=joining.client_host,
            session_ms=joining.session_ms,
            rebalance_ms=joining.rebalance_ms,
            protocols=joining.protocols,
            alive_until_ms=now_ms + joining.session_ms,
        )
        self.members[member_id] = member
        if joining.instance_id is not None:
            self._instances[joining.instance_id] = member_id
        self.protocol_type = joining.protocol_type
        if self._initial_limit_ms is not None:  # more members are coming: give them time
            self._rebalance_until_ms = min(now_ms + self._initial_delay_ms, self._initial_limit_ms)
        return self._wait_for_others(member, ticket, now_ms)

    def _take_over(self, joining: Joining, ticket: Ticket, now_ms: int) -> list[Reply]:
        """Let a restarted static member go on where its predecessor stopped."""
        assert joining.instance_id is not None
        member = self.members.pop(self._instances[joining.instance_id])
        replies = self._answer_join(member, ErrorCode.FENCED_INSTANCE_ID)
        replies += self._answer_sync(member, ErrorCode.FENCED_INSTANCE_ID)
        old_id, was_leader = member.member_id, member.member_id == self.leader
        member.member_id = self._instances[joining.instance_id] = joining.new_member_id
        self.members[member.member_id] = member
        if was_leader:
            self.leader = member.member_id
        member.update(joining)
        if self.state is not GroupState.STABLE or self._chosen_protocol() != self.protocol:
            return replies + self._wait_for_others(member, ticket, now_ms)
        self._keep_alive(member, now_ms)
        answer = Joined(
            member_id=member.member_id,
            generation=self.generation,
            protocol_type=self.protocol_type,
            protocol=self.protocol,
            # An older client that learned it is leader would assign, which nobody waits for.
            leader=old_id if was_leader and not joining.skips_assignment else self.leader or "",
            members=self._told_members() if was_leader and joining.skips_assignment else (),
            skip_assignment=was_leader and joining.skips_assignment,
        )
        return [*replies, Reply(ticket, answer)]

    def _wait_for_others(self, member: Member, ticket: Ticket, now_ms: int) -> list[Reply]:
        replies = self._answer_join(member, ErrorCode.REBALANCE_IN_PROGRESS)
        member.joining = ticket
        if self.state is not GroupState.PREPARING_REBALANCE:
            replies += self._prepare_rebalance(now_ms)
        return replies + self._complete_if_all_joined(now_ms)

    # -- rebalancing

    def _prepare_rebalance(self, now_ms: int) -> list[Reply]:
        replies = []
        for member in self.members.values():
            if member.syncing is not None:  # while it waited it could not prove that it lives
                replies += self._answer_sync(member, ErrorCode.REBALANCE_IN_PROGRESS)
                self._keep_alive(member, now_ms)
        limit_ms = now_ms + self._longest_rebalance_ms()
        self._initial_limit_ms = None
        self._rebalance_until_ms = limit_ms
        if self.state is GroupState.EMPTY:
            self._initial_limit_ms = limit_ms
            self._rebalance_until_ms = min(now_ms + self._initial_delay_ms, limit_ms)
        self.state = GroupState.PREPARING_REBALANCE
        return replies

    def _complete_if_all_joined(self, now_ms: int) -> list[Reply]:
        if self.state is not GroupState.PREPARING_REBALANCE or self._given_ids:
            return []
        if self._initial_limit_ms is not None and now_ms < self._rebalance_until_ms:
            return []
        if any(member.joining is None for member in self.members.values()):
            return []
        return self._end_joining(now_ms)

    def _end_joining(self, now_ms: int) -> list[Reply]:
        """Begin the next generation with those who joined; static members may be late."""
        self._initial_limit_ms = None
        for member in list(self.members.values()):
            if member.joining is None and member.instance_id is None:
                self._forget(member)
        if not self.members:
            self._become_empty()
            return []
        joined = [member for member in self.members.values() if member.joining is not None]
        if not joined:
            self._rebalance_until_ms = now_ms + self._longest_rebalance_ms()
            return []
        if self.leader not in {member.member_id for member in joined}:
            self.leader = joined[0].member_id
        self.generation += 1
        self.protocol = self._chosen_protocol()
        self.state = GroupState.COMPLETING_REBALANCE
        self._sync_until_ms = now_ms + self._longest_rebalance_ms()
        replies = []
        for member in self.members.values():
            member.assignment, member.must_sync = b"", member.joining is not None
        for member in joined:
            self._keep_alive(member, now_ms)
            replies.append(Reply(member.joining, self._joined(member)))
            member.joining = None
        return replies

    def _chosen_protocol(self) -> str:
        """The protocol that all know and most want."""
        known = set.intersection(*(set(member.protocols) for member in self.members.values()))
        votes = Counter(
            next(name for name in member.protocols if name in known)
            for member in self.members.values()
        )
        return votes.most_common(1)[0][0]

    def _longest_rebalance_ms(self) -> int:
        return max((member.rebalance_ms for member in self.members.values()), default=0)

    def _become_empty(self) -> None:
        self.generation += 1
        self.protocol = self.leader = None
        self._initial_limit_ms = None
        self.state = GroupState.EMPTY

    # -- leaving

    def _remove(self, member: Member, now_ms: int) -> list[Reply]:
        replies = self._answer_join(member, ErrorCode.UNKNOWN_MEMBER_ID)
        replies += self._answer_sync(member, ErrorCode.UNKNOWN_MEMBER_ID)
        self._forget(member)
        if self.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
            replies += self._prepare_rebalance(now_ms)
        if not self.members:
            self._become_empty()
            return replies
        return replies + self._complete_if_all_joined(now_ms)

    def _forget(self, member: Member) -> None:
        self.members.pop(member.member_id, None)
        if member.instance_id is not None:
            self._instances.pop(member.instance_id, None)
        if self.leader == member.member_id:
            self.leader = None

    # -- answering

    def _keep_alive(self, member: Member, now_ms: int) -> None:
        member.alive_until_ms = now_ms + member.session_ms

    def _answer_join(self, member: Member, error: ErrorCode) -> list[Reply]:
        ticket, member.joining = member.joining, None
        if ticket is None:
            return []
        return [Reply(ticket, Joined(error=error, member_id=member.member_id))]

    def _answer_sync(self, member: Member, error: ErrorCode) -> list[Reply]:
        ticket, member.syncing = member.syncing, None
        return [] if ticket is None else [Reply(ticket, Synced(error=error))]

    def _answer_syncs(self, now_ms: int) -> list[Reply]:
        replies = []
        for member in self.members.values():
            if member.syncing is not None:
                replies.append(Reply(member.syncing, self._synced(member)))
                member.syncing = None
                self._keep_alive(member, now_ms)
        return replies

    def _synced(self, member: Member) -> Synced:
        return Synced(
            assignment=member.assignment,
            protocol_type=self.protocol_type,
            protocol=self.protocol,
        )

    def _joined(self, member: Member) -> Joined:
        return Joined(
            member_id=member.member_id,
            generation=self.generation,
            protocol_type=self.protocol_type,
            protocol=self.protocol,
            leader=self.leader or "",
            members=self._told_members() if member.member_id == self.leader else (),
        )

    def _told_members(self) -> tuple[JoinedMember, ...]:
        return tuple(
            JoinedMember(
                member_id=member.member_id,
                instance_id=member.instance_id,
                metadata=member.protocols.get(self.protocol or "", b""),
            )
            for member in self.members.values()
        )
