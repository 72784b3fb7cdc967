"""A member's next step from what it holds to what it shall hold (KIP-848). Pure.

::

    STABLE ──new target──▶ UNREVOKED_PARTITIONS ──given up──▶ UNRELEASED_PARTITIONS ──▶ STABLE
                           keeps its epoch until              has the target's epoch, waits
                           it has given up what               for what others have not
                           it shall not have                  given up

A partition is given to a member only once no other has it, and taken from one that has had the
time to commit how far it has read.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import replace

from broker_core.coordinator.consumer_member import ConsumerMember, MemberState
from broker_core.coordinator.topic_partitions import TopicPartition


def reconciled(
    member: ConsumerMember,
    *,
    target: Set[TopicPartition],
    target_epoch: int,
    owned: Set[TopicPartition] | None,
    is_free: Callable[[TopicPartition], bool],
) -> ConsumerMember:
    """Return the member one step on, or itself if there is none to take.

    Args:
        target: What it shall hold.
        target_epoch: Of the assignment that says so; never less than the member's epoch.
        owned: What it says that it holds; None: it did not say.
        is_free: Whether no member holds a partition.
    """
    if member.state is MemberState.UNREVOKED_PARTITIONS:
        if _owns(owned, member.pending_revocation):
            return member
        return _step(member, member.epoch + 1, target, target_epoch, owned, is_free)
    if member.state is MemberState.STABLE and member.epoch == target_epoch:
        return member
    return _step(member, member.epoch, target, target_epoch, owned, is_free)


def _step(
    member: ConsumerMember,
    epoch: int,
    target: Set[TopicPartition],
    target_epoch: int,
    owned: Set[TopicPartition] | None,
    is_free: Callable[[TopicPartition], bool],
) -> ConsumerMember:
    kept = {each: since for each, since in member.assigned.items() if each in target}
    revoked = {each: since for each, since in member.assigned.items() if each not in target}
    if revoked and _owns(owned, revoked):
        return _moved(member, MemberState.UNREVOKED_PARTITIONS, epoch, kept, revoked)
    wanted = target - kept.keys()
    # What it has just given up is not free before that is known, so it is not handed on here.
    free = {each for each in wanted if is_free(each)}
    state = MemberState.STABLE if len(free) == len(wanted) else MemberState.UNRELEASED_PARTITIONS
    given = kept | dict.fromkeys(sorted(free), target_epoch)
    return _moved(member, state, target_epoch, given, {})


def _owns(owned: Set[TopicPartition] | None, revoked: Mapping[TopicPartition, int]) -> bool:
    return owned is None or not owned.isdisjoint(revoked)


def _moved(
    member: ConsumerMember,
    state: MemberState,
    epoch: int,
    assigned: Mapping[TopicPartition, int],
    pending_revocation: Mapping[TopicPartition, int],
) -> ConsumerMember:
    previous = member.previous_epoch if epoch == member.epoch else member.epoch
    return replace(
        member,
        state=state,
        epoch=epoch,
        previous_epoch=previous,
        assigned=assigned,
        pending_revocation=pending_revocation,
    )
