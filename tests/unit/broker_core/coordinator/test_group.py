"""One consumer group's state machine, step by step."""

from collections.abc import Mapping

import pytest

from broker_core.coordinator.group import Group, GroupState
from broker_core.coordinator.member import Joined, Joining, Reply, Synced
from broker_core.errors import ErrorCode

SESSION_MS = 1000
REBALANCE_MS = 5000
DELAY_MS = 100
RANGE: Mapping[str, bytes] = {"range": b"r"}


def group(*, max_members: int = 10) -> Group:
    return Group("g", initial_delay_ms=DELAY_MS, max_members=max_members)


def joining(
    member_id: str = "",
    *,
    new: str = "",
    instance: str | None = None,
    protocols: Mapping[str, bytes] = RANGE,
    protocol_type: str = "consumer",
    must_know_id: bool = False,
    skips: bool = False,
) -> Joining:
    return Joining(
        member_id=member_id,
        instance_id=instance,
        protocol_type=protocol_type,
        protocols=protocols,
        session_ms=SESSION_MS,
        rebalance_ms=REBALANCE_MS,
        new_member_id=new,
        client_id="client",
        client_host="/127.0.0.1",
        must_know_id=must_know_id,
        skips_assignment=skips,
    )


def sync(
    one: Group,
    member_id: str,
    now_ms: int,
    assignments: Mapping[str, bytes] | None = None,
    *,
    instance: str | None = None,
    generation: int | None = None,
    protocol: str | None = None,
) -> list[Reply]:
    return one.sync(
        member_id=member_id,
        instance_id=instance,
        generation=one.generation if generation is None else generation,
        protocol_type="consumer",
        protocol=protocol,
        assignments=assignments or {},
        ticket=f"sync {member_id}",
        now_ms=now_ms,
    )


def heartbeat(one: Group, member_id: str, now_ms: int, instance: str | None = None) -> ErrorCode:
    return one.heartbeat(
        member_id=member_id, instance_id=instance, generation=one.generation, now_ms=now_ms
    )


def joined(replies: list[Reply], ticket: str) -> Joined:
    (answer,) = [reply.answer for reply in replies if reply.ticket == ticket]
    assert isinstance(answer, Joined)
    return answer


def synced(replies: list[Reply], ticket: str) -> Synced:
    (answer,) = [reply.answer for reply in replies if reply.ticket == ticket]
    assert isinstance(answer, Synced)
    return answer


def state(one: Group) -> GroupState:
    return one.state


def stable(*names: str, instances: bool = False) -> Group:
    """A group in which everybody has an assignment; the first is its leader."""
    made = group()
    for name in names:
        made.join(joining(new=name, instance=f"i-{name}" if instances else None), name, 0)
    made.tick(DELAY_MS)
    for name in reversed(names):
        instance = f"i-{name}" if instances else None
        assignments = {one: f"for {one}".encode() for one in names}
        sync(made, name, DELAY_MS, assignments, instance=instance)
    assert state(made) is GroupState.STABLE
    return made


def test_an_empty_group_waits_for_more_members_before_its_first_generation() -> None:
    one = group()

    assert one.join(joining(new="a"), "a", 0) == []
    assert one.deadline_ms == DELAY_MS
    assert one.join(joining(new="b"), "b", 50) == []
    assert one.deadline_ms == 150, "each newcomer prolongs it"
    replies = one.tick(150)

    assert one.generation == 1
    assert state(one) is GroupState.COMPLETING_REBALANCE
    leader, follower = joined(replies, "a"), joined(replies, "b")
    assert leader.leader == follower.leader == "a"
    assert [member.member_id for member in leader.members] == ["a", "b"]
    assert follower.members == ()
    assert leader.protocol == "range"


def test_newcomers_cannot_put_the_first_generation_off_for_ever() -> None:
    one = group(max_members=1000)
    now_ms = 0
    while now_ms < REBALANCE_MS:
        one.join(joining(new=f"m{now_ms}"), now_ms, now_ms)
        now_ms += DELAY_MS - 1
        one.tick(now_ms)

    assert one.deadline_ms is not None
    assert one.deadline_ms <= REBALANCE_MS or one.generation == 1


def test_the_leaders_assignment_reaches_everybody() -> None:
    one = group()
    for name in ("a", "b"):
        one.join(joining(new=name), name, 0)
    one.tick(DELAY_MS * 2)

    assert sync(one, "b", 300) == []
    replies = sync(one, "a", 300, {"a": b"0", "b": b"1"})

    assert state(one) is GroupState.STABLE
    assert synced(replies, "sync a").assignment == b"0"
    assert synced(replies, "sync b").assignment == b"1"
    assert synced(sync(one, "b", 400), "sync b").assignment == b"1", "asked again, told again"


def test_a_member_nobody_assigned_anything_gets_nothing() -> None:
    one = group()
    for name in ("a", "b"):
        one.join(joining(new=name), name, 0)
    one.tick(DELAY_MS * 2)
    sync(one, "b", 300)

    assert synced(sync(one, "a", 300, {"a": b"all"}), "sync b").assignment == b""


def test_a_new_client_is_first_told_its_id() -> None:
    one = group()

    first = one.join(joining(new="a", must_know_id=True), "first", 0)

    assert joined(first, "first").error is ErrorCode.MEMBER_ID_REQUIRED
    assert joined(first, "first").member_id == "a"
    assert one.members == {}
    one.join(joining("a", must_know_id=True), "second", 10)
    assert list(one.members) == ["a"]


def test_an_id_that_was_given_but_never_used_is_forgotten() -> None:
    one = group()
    one.join(joining(new="a", must_know_id=True), "first", 0)

    assert one.deadline_ms == SESSION_MS
    one.tick(SESSION_MS)

    late = one.join(joining("a", must_know_id=True), "late", SESSION_MS)
    assert joined(late, "late").error is ErrorCode.UNKNOWN_MEMBER_ID
    assert one.deadline_ms is None


def test_a_newcomer_makes_everybody_join_again() -> None:
    one = stable("a")

    assert one.join(joining(new="b"), "b", 200) == []
    assert state(one) is GroupState.PREPARING_REBALANCE
    assert heartbeat(one, "a", 300) is ErrorCode.REBALANCE_IN_PROGRESS
    replies = one.join(joining("a"), "a", 400)

    assert one.generation == 2
    assert joined(replies, "b").leader == "a"


def test_who_does_not_join_again_in_time_is_left_out() -> None:
    one = stable("a", "b")
    one.join(joining(new="c"), "c", 200)
    one.join(joining("a"), "a", 200)
    for now_ms in range(1000, 5200, 800):
        heartbeat(one, "b", now_ms)

    replies = one.tick(200 + REBALANCE_MS)

    assert sorted(one.members) == ["a", "c"]
    assert joined(replies, "c").generation == one.generation


def test_a_member_that_never_asks_for_its_assignment_is_left_out() -> None:
    one = stable("a")
    one.join(joining(new="b"), "b", 200)
    one.join(joining("a"), "a", 200)
    assert state(one) is GroupState.COMPLETING_REBALANCE
    sync(one, "b", 300)
    for now_ms in range(600, 5400, 600):
        assert heartbeat(one, "a", now_ms) is ErrorCode.NONE

    replies = one.tick(200 + REBALANCE_MS)

    assert list(one.members) == ["b"]
    assert synced(replies, "sync b").error is ErrorCode.REBALANCE_IN_PROGRESS
    assert state(one) is GroupState.PREPARING_REBALANCE


def test_who_waited_for_its_assignment_is_not_taken_for_silent_when_it_is_sent_back() -> None:
    one = stable("a")
    one.join(joining(new="b"), "b", 200)
    one.join(joining("a"), "a", 200)
    sync(one, "b", 300)
    for now_ms in range(600, 5400, 600):
        heartbeat(one, "a", now_ms)
    one.tick(200 + REBALANCE_MS)

    one.tick(200 + REBALANCE_MS + SESSION_MS - 1)

    assert list(one.members) == ["b"]


def test_silence_removes_a_member_and_the_others_rebalance() -> None:
    one = stable("a", "b")
    heartbeat(one, "a", 900)

    one.tick(DELAY_MS + SESSION_MS)

    assert list(one.members) == ["a"]
    assert heartbeat(one, "a", 1200) is ErrorCode.REBALANCE_IN_PROGRESS
    assert heartbeat(one, "b", 1200) is ErrorCode.UNKNOWN_MEMBER_ID


def test_when_everybody_is_silent_the_group_is_empty() -> None:
    one = stable("a", "b")

    one.tick(1_000_000)

    assert state(one) is GroupState.EMPTY
    assert one.deadline_ms is None
    assert one.protocol_type == "consumer"


def test_who_leaves_is_gone_at_once() -> None:
    one = stable("a", "b")

    error, _ = one.leave(member_id="a", instance_id=None, now_ms=200)

    assert error is ErrorCode.NONE
    assert list(one.members) == ["b"]
    assert state(one) is GroupState.PREPARING_REBALANCE
    assert one.leave(member_id="a", instance_id=None, now_ms=200)[0] is ErrorCode.UNKNOWN_MEMBER_ID
    one.leave(member_id="b", instance_id=None, now_ms=200)
    assert state(one) is GroupState.EMPTY


def test_who_leaves_while_it_waits_is_answered() -> None:
    one = group()
    one.join(joining(new="a"), "a", 0)

    _, replies = one.leave(member_id="a", instance_id=None, now_ms=10)

    assert joined(replies, "a").error is ErrorCode.UNKNOWN_MEMBER_ID


def test_leaving_takes_an_id_back_that_was_only_given() -> None:
    one = group()
    one.join(joining(new="a", must_know_id=True), "a", 0)

    assert one.leave(member_id="a", instance_id=None, now_ms=1)[0] is ErrorCode.NONE
    assert one.deadline_ms is None


def test_the_protocol_that_all_know_and_most_want_is_chosen() -> None:
    one = group()
    one.join(joining(new="a", protocols={"sticky": b"", "range": b"ra"}), "a", 0)
    one.join(joining(new="b", protocols={"range": b"rb", "sticky": b""}), "b", 0)
    one.join(joining(new="c", protocols={"range": b"rc", "other": b""}), "c", 0)

    leader = joined(one.tick(DELAY_MS * 3), "a")

    assert leader.protocol == "range"
    assert [member.metadata for member in leader.members] == [b"ra", b"rb", b"rc"]


@pytest.mark.parametrize(
    "other",
    [
        joining(new="b", protocols={"sticky": b""}),
        joining(new="b", protocol_type="connect"),
        joining(new="b", protocol_type=""),
        joining(new="b", protocols={}),
    ],
)
def test_who_shares_no_protocol_is_refused(other: Joining) -> None:
    one = stable("a")

    refused = joined(one.join(other, "b", 200), "b")

    assert refused.error is ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    assert state(one) is GroupState.STABLE


def test_a_full_group_takes_nobody_else_but_its_own() -> None:
    one = group(max_members=1)
    one.join(joining(new="a"), "a", 0)

    assert joined(one.join(joining(new="b"), "b", 10), "b").error is (
        ErrorCode.GROUP_MAX_SIZE_REACHED
    )
    one.tick(DELAY_MS)
    sync(one, "a", 200)
    assert joined(one.join(joining("a"), "again", 300), "again").error is ErrorCode.NONE


def test_a_follower_that_asks_again_is_told_again_without_a_rebalance() -> None:
    one = stable("a", "b")

    again = joined(one.join(joining("b"), "again", 300), "again")

    assert (again.error, again.generation) == (ErrorCode.NONE, 1)
    assert state(one) is GroupState.STABLE


def test_a_leader_that_joins_again_wants_a_rebalance() -> None:
    one = stable("a", "b")

    assert one.join(joining("a"), "again", 300) == []
    assert state(one) is GroupState.PREPARING_REBALANCE


def test_a_member_with_another_subscription_wants_a_rebalance() -> None:
    one = stable("a", "b")

    assert one.join(joining("b", protocols={"range": b"other topics"}), "again", 300) == []
    assert state(one) is GroupState.PREPARING_REBALANCE


def test_a_request_sent_twice_lets_the_first_one_go() -> None:
    one = stable("a", "b")
    one.join(joining("a"), "first", 300)

    replies = one.join(joining("a"), "second", 310)

    assert joined(replies, "first").error is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_rebalance_while_somebody_waits_for_assignment_sends_it_back() -> None:
    one = group()
    for name in ("a", "b"):
        one.join(joining(new=name), name, 0)
    one.tick(DELAY_MS * 2)
    sync(one, "b", 300)

    replies = one.join(joining(new="c"), "c", 400)

    assert synced(replies, "sync b").error is ErrorCode.REBALANCE_IN_PROGRESS


def test_who_speaks_of_another_generation_is_told_so() -> None:
    one = stable("a")

    assert synced(sync(one, "a", 200, generation=0), "sync a").error is (
        ErrorCode.ILLEGAL_GENERATION
    )
    assert synced(sync(one, "x", 200), "sync x").error is ErrorCode.UNKNOWN_MEMBER_ID
    assert synced(sync(one, "a", 200, protocol="sticky"), "sync a").error is (
        ErrorCode.INCONSISTENT_GROUP_PROTOCOL
    )


def test_assignment_cannot_be_asked_for_during_a_rebalance() -> None:
    one = stable("a", "b")
    one.join(joining("a"), "again", 300)

    assert synced(sync(one, "b", 310), "sync b").error is ErrorCode.REBALANCE_IN_PROGRESS


def test_a_restarted_static_member_goes_on_without_a_rebalance() -> None:
    one = stable("a", "b", instances=True)

    answer = joined(one.join(joining(new="b2", instance="i-b"), "b2", 300), "b2")

    assert (answer.error, answer.generation, answer.leader) == (ErrorCode.NONE, 1, "a")
    assert state(one) is GroupState.STABLE
    assert synced(sync(one, "b2", 310, instance="i-b"), "sync b2").assignment == b"for b"
    assert heartbeat(one, "b", 320, instance="i-b") is ErrorCode.FENCED_INSTANCE_ID


@pytest.mark.parametrize("skips", [True, False])
def test_a_restarted_static_leader_needs_not_assign_again(skips: bool) -> None:
    one = stable("a", "b", instances=True)

    answer = joined(one.join(joining(new="a2", instance="i-a", skips=skips), "a2", 300), "a2")

    assert one.leader == "a2"
    assert answer.skip_assignment is skips
    assert answer.leader == ("a2" if skips else "a"), "an older client must not think it leads"
    assert len(answer.members) == (2 if skips else 0)
    assert state(one) is GroupState.STABLE


def test_a_static_member_replaced_while_it_waits_is_fenced() -> None:
    one = group()
    one.join(joining(new="a", instance="i"), "old", 0)

    replies = one.join(joining(new="a2", instance="i"), "new", 10)

    assert joined(replies, "old").error is ErrorCode.FENCED_INSTANCE_ID
    assert list(one.members) == ["a2"]


def test_a_static_member_may_miss_a_rebalance() -> None:
    one = stable("a", "b", instances=True)
    one.join(joining(new="c"), "c", 200)
    one.join(joining("b", instance="i-b"), "b", 200)
    for now_ms in range(1000, 5200, 800):
        heartbeat(one, "a", now_ms, instance="i-a")

    replies = one.tick(200 + REBALANCE_MS)

    assert sorted(one.members) == ["a", "b", "c"]
    assert joined(replies, "b").leader == "b", "the leader is one that has joined"


def test_a_static_member_leaves_by_its_instance_id() -> None:
    one = stable("a", instances=True)

    assert one.leave(member_id="x", instance_id="i-a", now_ms=200)[0] is (
        ErrorCode.FENCED_INSTANCE_ID
    )
    assert one.leave(member_id="", instance_id="other", now_ms=200)[0] is (
        ErrorCode.UNKNOWN_MEMBER_ID
    )
    assert one.leave(member_id="", instance_id="i-a", now_ms=200)[0] is ErrorCode.NONE
    assert state(one) is GroupState.EMPTY


def commit_error(one: Group, member_id: str, generation: int) -> ErrorCode:
    return one.check_commit(
        member_id=member_id, instance_id=None, generation=generation, now_ms=300
    )


def test_offsets_are_committed_by_members_of_this_generation() -> None:
    one = stable("a")

    assert commit_error(one, "a", 1) is ErrorCode.NONE
    assert commit_error(one, "a", 0) is ErrorCode.ILLEGAL_GENERATION
    assert commit_error(one, "x", 1) is ErrorCode.UNKNOWN_MEMBER_ID
    assert commit_error(one, "", -1) is ErrorCode.UNKNOWN_MEMBER_ID
    one.join(joining("a"), "again", 300)
    assert state(one) is GroupState.COMPLETING_REBALANCE
    assert commit_error(one, "a", 2) is ErrorCode.REBALANCE_IN_PROGRESS


def test_anybody_may_commit_for_a_group_without_members() -> None:
    assert commit_error(group(), "", -1) is ErrorCode.NONE


def test_a_member_may_still_commit_while_it_is_asked_to_join_again() -> None:
    one = stable("a", "b")
    one.join(joining(new="c"), "c", 200)

    assert commit_error(one, "a", 1) is ErrorCode.NONE


def test_a_deleted_group_sends_everybody_away() -> None:
    one = group()
    one.die()

    assert joined(one.join(joining(new="a"), "a", 0), "a").error is (
        ErrorCode.COORDINATOR_NOT_AVAILABLE
    )
    assert heartbeat(one, "a", 0) is ErrorCode.COORDINATOR_NOT_AVAILABLE


def test_a_coordinator_that_stops_answers_everybody_who_waits() -> None:
    one = group()
    one.join(joining(new="a"), "a", 0)

    replies = one.dismiss(ErrorCode.COORDINATOR_NOT_AVAILABLE)

    assert joined(replies, "a").error is ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert one.dismiss(ErrorCode.COORDINATOR_NOT_AVAILABLE) == []
