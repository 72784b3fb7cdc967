"""A member's way to its target, step by step."""

from collections.abc import Set

from broker_core.coordinator.consumer_member import ConsumerMember, MemberState
from broker_core.coordinator.reconciliation import reconciled
from broker_core.coordinator.topic_partitions import TopicPartition

P0, P1, P2 = (TopicPartition(b"t", number) for number in range(3))


def member(**changes: object) -> ConsumerMember:
    values: dict[str, object] = {
        "member_id": "m", "epoch": 3, "previous_epoch": 2, "assigned": {P0: 3, P1: 3}, **changes
    }  # fmt: skip
    return ConsumerMember(**values)  # type: ignore[arg-type]


def step(
    one: ConsumerMember,
    target: Set[TopicPartition],
    *,
    epoch: int = 5,
    owned: Set[TopicPartition] | None = None,
    taken: Set[TopicPartition] = frozenset(),
) -> ConsumerMember:
    return reconciled(
        one, target=target, target_epoch=epoch, owned=owned, is_free=lambda each: each not in taken
    )


def test_a_member_that_has_its_target_stays_as_it_is() -> None:
    one = member()

    assert step(one, {P0, P1}, epoch=3) is one


def test_a_target_like_the_one_before_is_a_new_epoch_alone() -> None:
    found = step(member(), {P0, P1})

    assert (found.epoch, found.previous_epoch, found.state) == (5, 3, MemberState.STABLE)
    assert found.assigned == {P0: 3, P1: 3}


def test_what_is_taken_away_must_be_given_up_first() -> None:
    asked = step(member(), {P0, P2})
    unsaid = step(asked, {P0, P2})
    still = step(asked, {P0, P2}, owned={P0, P1})
    done = step(asked, {P0, P2}, owned={P0})

    assert (asked.epoch, asked.state) == (3, MemberState.UNREVOKED_PARTITIONS)
    assert (asked.assigned, asked.pending_revocation) == ({P0: 3}, {P1: 3})
    assert unsaid is asked
    assert still is asked
    assert (done.epoch, done.state) == (5, MemberState.STABLE)
    assert (done.assigned, done.pending_revocation) == ({P0: 3, P2: 5}, {})


def test_what_it_says_that_it_does_not_own_needs_no_giving_up() -> None:
    found = step(member(), {P0}, owned={P0})

    assert (found.epoch, found.state, found.assigned) == (5, MemberState.STABLE, {P0: 3})


def test_what_others_have_not_given_up_is_waited_for() -> None:
    waiting = step(member(assigned={P0: 3}), {P0, P1, P2}, taken={P1, P2})
    partly = step(waiting, {P0, P1, P2}, taken={P2})
    done = step(partly, {P0, P1, P2})

    assert (waiting.epoch, waiting.state) == (5, MemberState.UNRELEASED_PARTITIONS)
    assert waiting.assigned == {P0: 3}
    assert (partly.state, partly.assigned) == (MemberState.UNRELEASED_PARTITIONS, {P0: 3, P1: 5})
    assert (done.state, done.assigned) == (MemberState.STABLE, {P0: 3, P1: 5, P2: 5})


def test_a_newer_target_may_take_more_while_it_gives_up() -> None:
    asked = step(member(), {P0})

    found = step(asked, set(), epoch=6, owned={P0})

    assert (found.epoch, found.state) == (4, MemberState.UNREVOKED_PARTITIONS)
    assert (found.assigned, found.pending_revocation) == ({}, {P0: 3})


def test_what_it_has_just_given_up_it_may_have_again() -> None:
    asked = step(member(), {P0})

    found = step(asked, {P0, P1}, epoch=6, owned={P0})

    assert (found.epoch, found.assigned) == (6, {P0: 3, P1: 6})


def test_an_epoch_that_it_may_not_have_heard_of_stays_known() -> None:
    asked = step(member(), {P0})

    assert (asked.epoch, asked.previous_epoch) == (3, 2)
