"""One consumer group's state machine (the new protocol, KIP-848). Pure.

::

    Empty ──join──▶ Assigning ──new target──▶ Reconciling ──every member has its share──▶ Stable
      ▲                ▲                          │                                         │
      │                └── join, leave, silence, other subscription, topics change ─────────┤
      └───────────────────────────── the last member goes ──────────────────────────────────┘

What changes the group makes a new group epoch; the target assignment that follows from it has that
epoch, and each member takes it on once it has given up what it shall not have any more
(:mod:`broker_core.coordinator.reconciliation`). Members hear of it in their heartbeats, so nobody
stops for the others. A target that takes long to make, for very many members and topics, is not
made at every change, but once for all of a few seconds.

Time comes in as ``now_ms`` of any steady clock; :attr:`ConsumerGroup.deadline_ms` says when
:meth:`ConsumerGroup.tick` must be called at the latest. A method that raises has changed nothing.
What is to be written after one that has not: :meth:`ConsumerGroup.take_changes`.

Left out: members that use the classic protocol in a group of the new one (online migration), racks.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from broker_core.coordinator.assignors import ASSIGNORS, DEFAULT_ASSIGNOR, Wish
from broker_core.coordinator.consumer_group_parts import PARTS_OF_MEMBER, Part, Slot
from broker_core.coordinator.consumer_member import (
    JOIN_EPOCH,
    STATIC_LEAVE_EPOCH,
    Beat,
    ConsumerMember,
)
from broker_core.coordinator.consumer_members import ConsumerMembers
from broker_core.coordinator.reconciliation import reconciled
from broker_core.coordinator.topic_partitions import TopicPartition, Topics, fingerprint
from broker_core.coordinator.topic_pattern import TopicPattern

NOBODY: Set[TopicPartition] = frozenset()
PAIRS_PER_MS = 400  # of a member and a topic; making a target takes a small part of that


class ConsumerGroupState(StrEnum):
    """The states, by the names that ConsumerGroupDescribe and ListGroups show."""

    EMPTY = "Empty"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    STABLE = "Stable"
    DEAD = "Dead"


@dataclass(frozen=True, slots=True)
class Beaten:
    """The answer to a heartbeat.

    Attributes:
        assigned: All that it may read; None: what it was told before.
    """

    member_id: str
    epoch: int
    assigned: Set[TopicPartition] | None = None


class ConsumerGroup:
    """One group and its members.

    Attributes:
        epoch: Counts what changes the group; never goes back.
        assignment_epoch: The group epoch that the target assignment is for.
        topics_hash: The fingerprint of the topics that the target assignment is for.
        targets: What each member shall have.
        patterns: Regular expressions that members subscribe to, by their text.
    """

    def __init__(self, group_id: str, *, session_ms: int, max_members: int) -> None:
        self.group_id = group_id
        self.epoch = 0
        self.assignment_epoch = 0
        self.topics_hash = 0
        self.targets: dict[str, Set[TopicPartition]] = {}
        self.patterns: dict[str, TopicPattern] = {}
        self._members = ConsumerMembers(max_members=max_members)
        self._session_ms = session_ms
        self._assign_from_ms = 0
        self._alive_until_ms: dict[str, int] = {}
        self._revoke_until_ms: dict[str, int] = {}
        self._topics: Topics | None = None  # what the group has seen last
        self._changed: set[Slot] = set()

    # -- what members say

    def heartbeat(
        self, beat: Beat, topics: Topics, may_see: Callable[[str], bool], now_ms: int
    ) -> Beaten:
        """Join, or stay a member and go one step towards the target.

        Args:
            topics: All that there are; the same object while they are the same.
            may_see: Whether the member may know of a topic that its expression matches.

        Raises:
            UnknownMemberId, FencedMemberEpoch, FencedInstanceId: It is no member (any more).
            UnreleasedInstanceId, GroupMaxSizeReached, InvalidRegularExpression: It cannot join.
        """
        known = self._members.sender_of(beat)
        pattern = None
        if beat.topic_regex and beat.topic_regex not in self.patterns:
            pattern = TopicPattern(beat.topic_regex)
        if known is not None and known.member_id != beat.member_id:
            known = self._replace(known, beat.member_id)
        member = _told(known or ConsumerMember(member_id=beat.member_id), beat)
        is_other = known is None or _subscription(known) != _subscription(member)
        if pattern is not None:
            self.patterns[beat.topic_regex or ""] = pattern
        self._put(member)
        self._learn(member, topics, may_see, is_other)
        if self.epoch > self.assignment_epoch and now_ms >= self._assign_from_ms:
            self._assign(topics)
            pairs = len(self.members) * len(self.topic_names)
            self._assign_from_ms = now_ms + pairs // PAIRS_PER_MS
        before = known.assigned if known is not None else {}
        member = self._reconcile(member, beat.owned, now_ms)
        self._alive_until_ms[member.member_id] = now_ms + self._session_ms
        is_news = beat.epoch == JOIN_EPOCH or beat.is_full
        if is_news or before.keys() != member.assigned.keys():
            return Beaten(member.member_id, member.epoch, member.assigned.keys())
        return Beaten(member.member_id, member.epoch)

    def leave(self, member_id: str, instance_id: str | None, epoch: int) -> None:
        """Remove a member that says goodbye; a static one (-2) keeps its place for a session.

        Raises:
            UnknownMemberId, FencedInstanceId: It is no member (any more).
        """
        member = self._members.named(member_id, instance_id)
        if epoch != STATIC_LEAVE_EPOCH or instance_id is None:
            self._remove(member.member_id)
            return
        self._revoke_until_ms.pop(member_id, None)
        self._put(
            replace(member, epoch=STATIC_LEAVE_EPOCH, pending_revocation=MappingProxyType({}))
        )

    def check_commit(self, member_id: str, epoch: int) -> None:
        """Return if a member may commit offsets; who is no member may while there is none.

        Raises:
            UnknownMemberId: It is no member (any more).
            StaleMemberEpoch: It has another epoch by now.
        """
        if epoch < 0 and not self.members:
            return
        self._members.check_epoch(member_id, epoch)

    def check_fetch(self, member_id: str | None, epoch: int) -> None:
        """Return if a member may be told offsets; who does not name itself may.

        Raises:
            UnknownMemberId: It is no member (any more).
            StaleMemberEpoch: It has another epoch by now.
        """
        if member_id is not None or epoch >= 0:
            self._members.check_epoch(member_id or "", epoch)

    # -- time

    @property
    def deadline_ms(self) -> int | None:
        """When :meth:`tick` must be called at the latest; None if nothing can become due."""
        due = (*self._alive_until_ms.values(), *self._revoke_until_ms.values())
        return min(due, default=None)

    def tick(self, now_ms: int) -> list[str]:
        """Remove who is silent, or did not give up partitions in time; return their ids."""
        late = {
            member_id
            for deadlines in (self._alive_until_ms, self._revoke_until_ms)
            for member_id, until_ms in deadlines.items()
            if until_ms <= now_ms
        }
        for member_id in sorted(late):
            self._remove(member_id)
        return sorted(late)

    def begin(self, now_ms: int) -> None:
        """Give every member a session from now on: the group was read from disk."""
        for member in self.members.values():
            self._alive_until_ms[member.member_id] = now_ms + self._session_ms
            self._watch_revocation(member, now_ms)

    # -- what is known

    @property
    def members(self) -> Mapping[str, ConsumerMember]:
        """Everybody who is in the group, by member id."""
        return self._members.by_id

    @property
    def state(self) -> ConsumerGroupState:
        """Where the group is between a change and all its members having taken it on."""
        if not self.members:
            return ConsumerGroupState.EMPTY
        if self.epoch > self.assignment_epoch:
            return ConsumerGroupState.ASSIGNING
        if all(self._is_reconciled(member) for member in self.members.values()):
            return ConsumerGroupState.STABLE
        return ConsumerGroupState.RECONCILING

    @property
    def assignor(self) -> str:
        """The assignor that most members want."""
        votes = Counter(one.assignor for one in self.members.values() if one.assignor in ASSIGNORS)
        return (votes and votes.most_common(1)[0][0]) or DEFAULT_ASSIGNOR

    @property
    def topic_names(self) -> frozenset[str]:
        """The topics that members subscribe to, whether they exist or not."""
        return frozenset().union(*map(self.topics_of, self._unlike_members()))

    def topics_of(self, member: ConsumerMember) -> frozenset[str]:
        """The topics that a member subscribes to."""
        pattern = self.patterns.get(member.topic_regex)
        return member.topic_names if pattern is None else member.topic_names | pattern.topics

    def _unlike_members(self) -> Collection[ConsumerMember]:
        """One member for each subscription."""
        return {_subscription(one): one for one in self.members.values()}.values()

    def take_changes(self) -> list[Slot]:
        """What has changed since this was asked last, in the order in which it is written."""
        changed = sorted(self._changed, key=lambda slot: slot.order)
        self._changed.clear()
        return changed

    # -- restoring

    def restore(self, member: ConsumerMember) -> None:
        """Take a member as it was on disk."""
        self._put(member)
        self._changed.clear()

    # -- inside: changes

    def _put(self, member: ConsumerMember) -> None:
        """Let a member be as it is said, and note what of it is to be written."""
        if self._members.put(member):
            self._changed.add(Slot(Part.MEMBER, member.member_id))
            self._changed.add(Slot(Part.CURRENT, member.member_id))

    def _remove(self, member_id: str) -> None:
        self._take_out(member_id)
        self._drop_unused_patterns()
        self._next_epoch()

    def _take_out(self, member_id: str) -> None:
        self._members.remove(member_id)
        self.targets.pop(member_id, None)
        self._alive_until_ms.pop(member_id, None)
        self._revoke_until_ms.pop(member_id, None)
        self._changed.update(Slot(part, member_id) for part in PARTS_OF_MEMBER)

    def _replace(self, old: ConsumerMember, member_id: str) -> ConsumerMember:
        """Let a static member that has come back go on under another id."""
        target = self.targets.get(old.member_id, NOBODY)
        self._take_out(old.member_id)
        member = replace(old, member_id=member_id, epoch=JOIN_EPOCH, previous_epoch=JOIN_EPOCH)
        self.targets[member_id] = target
        self._changed.add(Slot(Part.TARGET, member_id))
        self._put(member)
        return member

    def _next_epoch(self) -> None:
        self.epoch += 1
        self._changed.add(Slot(Part.GROUP))

    def _learn(
        self, member: ConsumerMember, topics: Topics, may_see: Callable[[str], bool], is_other: bool
    ) -> None:
        """Take note of topics and subscriptions; what changes the assignment is a new epoch.

        Args:
            is_other: The member subscribes to something else than before.
        """
        if is_other:
            self._drop_unused_patterns()
        pattern = self.patterns.get(member.topic_regex)
        matches_others = pattern is not None and pattern.look(topics, may_see)
        if matches_others:
            self._changed.add(Slot(Part.PATTERN, member.topic_regex))
        may_differ = matches_others or self._topics is not topics
        self._topics = topics
        if is_other or (may_differ and self._is_outdated(topics)):
            self._next_epoch()

    def _is_outdated(self, topics: Topics) -> bool:
        """Whether the target is for other topics, and no other is about to be made anyway."""
        is_newest = self.epoch == self.assignment_epoch
        return is_newest and fingerprint(self.topic_names, topics) != self.topics_hash

    def _drop_unused_patterns(self) -> None:
        used = {member.topic_regex for member in self.members.values()}
        for text in [each for each in self.patterns if each not in used]:
            del self.patterns[text]
            self._changed.add(Slot(Part.PATTERN, text))

    def _assign(self, topics: Topics) -> None:
        """Make the target assignment of this group epoch."""
        subscriptions = {
            _subscription(member): frozenset(
                topics[name].topic_id for name in self.topics_of(member) if name in topics
            )
            for member in self._unlike_members()
        }
        wishes = {
            member.member_id: Wish(
                topics=subscriptions[_subscription(member)],
                before=self.targets.get(member.member_id, NOBODY),
                instance_id=member.instance_id,
            )
            for member in self.members.values()
        }
        wanted = {
            known.topic_id: known.partitions
            for known in (topics[name] for name in self.topic_names if name in topics)
        }
        for member_id, target in ASSIGNORS[self.assignor](wishes, wanted).items():
            if target != self.targets.get(member_id):
                self.targets[member_id] = target
                self._changed.add(Slot(Part.TARGET, member_id))
        self.assignment_epoch = self.epoch
        self.topics_hash = fingerprint(self.topic_names, topics)
        self._changed.update((Slot(Part.GROUP), Slot(Part.TARGET_EPOCH)))

    def _reconcile(
        self, member: ConsumerMember, owned: Set[TopicPartition] | None, now_ms: int
    ) -> ConsumerMember:
        step = reconciled(
            member,
            target=self.targets.get(member.member_id, NOBODY),
            target_epoch=self.assignment_epoch,
            owned=owned,
            is_free=lambda each: self._members.is_free(each, member.member_id),
        )
        if step != member:
            self._put(step)
            self._watch_revocation(step, now_ms)
        return step

    def _watch_revocation(self, member: ConsumerMember, now_ms: int) -> None:
        if member.pending_revocation:
            self._revoke_until_ms[member.member_id] = now_ms + member.rebalance_ms
        else:
            self._revoke_until_ms.pop(member.member_id, None)

    def _is_reconciled(self, member: ConsumerMember) -> bool:
        target = self.targets.get(member.member_id, NOBODY)
        return (
            member.epoch == self.assignment_epoch
            and not member.pending_revocation
            and member.assigned.keys() == target
        )


def _told(member: ConsumerMember, beat: Beat) -> ConsumerMember:
    """The member with what its heartbeat says is new."""
    return replace(
        member,
        instance_id=_or(beat.instance_id, member.instance_id),
        rack_id=_or(beat.rack_id, member.rack_id),
        client_id=beat.client_id,
        client_host=beat.client_host,
        rebalance_ms=member.rebalance_ms if beat.rebalance_ms is None else beat.rebalance_ms,
        topic_names=member.topic_names if beat.topic_names is None else beat.topic_names,
        topic_regex=member.topic_regex if beat.topic_regex is None else beat.topic_regex,
        assignor=_or(beat.assignor, member.assignor),
    )


def _or(told: str | None, known: str | None) -> str | None:
    return known if told is None else told


def _subscription(member: ConsumerMember) -> tuple[frozenset[str], str]:
    return member.topic_names, member.topic_regex
