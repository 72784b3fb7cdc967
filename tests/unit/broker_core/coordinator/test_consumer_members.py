"""Members of a consumer group: their names, and what they hold."""

from dataclasses import replace

import pytest

from broker_core.coordinator.consumer_member import STATIC_LEAVE_EPOCH, Beat, ConsumerMember
from broker_core.coordinator.consumer_members import ConsumerMembers
from broker_core.coordinator.member_errors import UnreleasedInstanceId
from broker_core.coordinator.topic_partitions import TopicPartition
from broker_core.errors import FencedInstanceId, GroupMaxSizeReached, UnknownMemberId

P0, P1 = (TopicPartition(b"t", number) for number in range(2))


def members(*some: ConsumerMember) -> ConsumerMembers:
    made = ConsumerMembers(max_members=2)
    for member in some:
        made.put(member)
    return made


def test_what_a_member_holds_is_free_for_itself_and_once_it_lets_go() -> None:
    one = ConsumerMember(member_id="a", assigned={P0: 1}, pending_revocation={P1: 1})
    group = members(one)

    assert group.is_free(P0, "a")
    assert not group.is_free(P0, "b")
    assert not group.is_free(P1, "b")
    assert group.put(replace(one, pending_revocation={}))
    assert group.is_free(P1, "b")
    group.remove("a")
    assert group.is_free(P0, "b")


def test_what_changes_nothing_is_no_news() -> None:
    one = ConsumerMember(member_id="a")

    assert not members(one).put(replace(one))


def test_who_goes_takes_nothing_along_that_another_has_by_now() -> None:
    """So it is read from a log that a crash cut off while a static member came back."""
    old = ConsumerMember(member_id="old", instance_id="i", assigned={P0: 1})
    group = members(old, replace(old, member_id="new"))

    group.remove("old")

    assert not group.is_free(P0, "other")
    assert group.named("new", "i").member_id == "new"


def test_another_instance_id_replaces_the_one_before() -> None:
    one = ConsumerMember(member_id="a", instance_id="i")
    group = members(one)

    group.put(replace(one, instance_id="j"))

    assert group.named("a", "j").instance_id == "j"
    with pytest.raises(UnknownMemberId):
        group.named("a", "i")


def test_names_of_others_and_of_nobody_are_refused() -> None:
    group = members(ConsumerMember(member_id="a", instance_id="i"))

    with pytest.raises(FencedInstanceId):
        group.named("b", "i")
    with pytest.raises(UnknownMemberId):
        group.named("b", None)


def test_only_a_new_member_takes_the_place_of_a_static_one_that_is_away() -> None:
    static = ConsumerMember(member_id="a", instance_id="i")
    group = members(static, ConsumerMember(member_id="b"))

    with pytest.raises(UnreleasedInstanceId):
        group.sender_of(Beat(member_id="c", epoch=0, instance_id="i"))
    away = replace(static, epoch=STATIC_LEAVE_EPOCH)
    group.put(away)
    with pytest.raises(UnreleasedInstanceId):
        group.sender_of(Beat(member_id="b", epoch=0, instance_id="i"))
    assert group.sender_of(Beat(member_id="c", epoch=0, instance_id="i")) == away


def test_a_full_group_takes_those_who_were_in_it() -> None:
    group = members(ConsumerMember(member_id="a"), ConsumerMember(member_id="b"))

    with pytest.raises(GroupMaxSizeReached):
        group.sender_of(Beat(member_id="c", epoch=0, instance_id="j"))
    assert group.sender_of(Beat(member_id="a", epoch=0)) == ConsumerMember(member_id="a")
