"""A consumer group (KIP-848): joining, sharing, leaving, fencing, and what its epochs count."""

from collections.abc import Callable, Set
from dataclasses import replace

import pytest

from broker_core.coordinator import consumer_group
from broker_core.coordinator.consumer_group import (
    Beaten,
    ConsumerGroup,
    ConsumerGroupState,
)
from broker_core.coordinator.consumer_group_parts import Part, Slot
from broker_core.coordinator.consumer_group_records import encode_value, restored
from broker_core.coordinator.consumer_member import Beat
from broker_core.coordinator.member_errors import (
    FencedMemberEpoch,
    InvalidRegularExpression,
    StaleMemberEpoch,
    UnreleasedInstanceId,
)
from broker_core.coordinator.topic_partitions import KnownTopic, TopicPartition, Topics
from broker_core.errors import FencedInstanceId, GroupMaxSizeReached, UnknownMemberId

LOGS, AUDIT = b"L" * 16, b"A" * 16
TOPICS: Topics = {"logs": KnownTopic(LOGS, 4)}
BOTH: Topics = {**TOPICS, "audit": KnownTopic(AUDIT, 2)}
NOTHING: Set[TopicPartition] = frozenset()


def logs(*numbers: int) -> set[TopicPartition]:
    return {TopicPartition(LOGS, number) for number in numbers}


def everyone(_: str) -> bool:
    return True


class Played:
    """A group with a clock, and what its members say."""

    def __init__(self, topics: Topics = TOPICS) -> None:
        self.group = ConsumerGroup("g", session_ms=1000, max_members=3)
        self.topics = topics
        self.now_ms = 0

    def join(
        self,
        member_id: str,
        *names: str,
        instance_id: str | None = None,
        regex: str | None = None,
        assignor: str | None = None,
        may_see: Callable[[str], bool] = everyone,
    ) -> Beaten:
        return self.say(
            Beat(
                member_id=member_id,
                epoch=0,
                instance_id=instance_id,
                rebalance_ms=300,
                topic_names=frozenset(names or (() if regex else ("logs",))),
                topic_regex=regex,
                assignor=assignor,
                owned=NOTHING,
            ),
            may_see,
        )

    def beat(
        self,
        member_id: str,
        epoch: int,
        owned: Set[TopicPartition] | None = None,
        **changes: object,
    ) -> Beaten:
        beat = Beat(member_id=member_id, epoch=epoch, owned=owned)
        return self.say(replace(beat, **changes))  # type: ignore[arg-type]

    def state(self) -> ConsumerGroupState:
        return self.group.state

    def say(self, beat: Beat, may_see: Callable[[str], bool] = everyone) -> Beaten:
        return self.group.heartbeat(beat, self.topics, may_see, self.now_ms)

    def two_members(self) -> None:
        """``a`` and ``b``, two partitions each."""
        self.join("a")
        self.join("b")
        self.beat("a", 1)
        self.beat("a", 1, logs(0, 1))
        self.beat("b", 2)


def test_the_first_member_gets_everything() -> None:
    played = Played()

    assert played.join("a") == Beaten("a", 1, logs(0, 1, 2, 3))
    assert (played.group.epoch, played.group.assignment_epoch) == (1, 1)
    assert played.state() is ConsumerGroupState.STABLE
    assert played.beat("a", 1) == Beaten("a", 1)


def test_a_second_member_is_given_what_the_first_has_given_up() -> None:
    played = Played()
    played.join("a")

    assert played.join("b") == Beaten("b", 2, NOTHING)
    assert played.beat("a", 1) == Beaten("a", 1, logs(0, 1))
    assert played.beat("b", 2) == Beaten("b", 2)
    assert played.state() is ConsumerGroupState.RECONCILING
    assert played.beat("a", 1, logs(0, 1)) == Beaten("a", 2)
    assert played.beat("b", 2) == Beaten("b", 2, logs(2, 3))
    assert played.state() is ConsumerGroupState.STABLE


def test_who_leaves_makes_room_for_those_who_stay() -> None:
    played = Played()
    played.two_members()

    played.group.leave("b", None, -1)

    assert played.state() is ConsumerGroupState.ASSIGNING
    assert played.beat("a", 2) == Beaten("a", 3, logs(0, 1, 2, 3))
    played.group.leave("a", None, -1)
    assert played.state() is ConsumerGroupState.EMPTY
    assert played.group.epoch == 4


def test_who_is_silent_is_removed() -> None:
    played = Played()
    played.two_members()
    played.now_ms = 900
    played.beat("a", 2)

    assert played.group.deadline_ms == 1000
    assert played.group.tick(1000) == ["b"]
    assert played.beat("a", 2) == Beaten("a", 3, logs(0, 1, 2, 3))
    with pytest.raises(UnknownMemberId):
        played.beat("b", 2)


def test_who_does_not_give_up_in_time_is_removed() -> None:
    played = Played()
    played.join("a")
    played.join("b")
    played.beat("a", 1)

    assert played.group.deadline_ms == 300
    assert played.group.tick(300) == ["a"]
    assert played.beat("b", 2) == Beaten("b", 3, logs(0, 1, 2, 3))


def test_a_member_that_missed_its_answer_is_told_again() -> None:
    played = Played()
    played.two_members()
    played.topics = {"logs": KnownTopic(LOGS, 6)}
    played.beat("a", 2)  # its answer is lost: epoch 3

    answer = played.beat("a", 2, logs(0, 1), rebalance_ms=300, topic_names=frozenset(("logs",)))

    assert answer.epoch == 3
    assert answer.assigned is not None
    assert len(answer.assigned) == 3


@pytest.mark.parametrize("epoch", [1, 3])
def test_another_epoch_is_fenced(epoch: int) -> None:
    played = Played()
    played.two_members()

    with pytest.raises(FencedMemberEpoch):
        played.beat("b", epoch)


def test_an_earlier_epoch_with_partitions_that_were_taken_is_fenced() -> None:
    played = Played()
    played.two_members()

    with pytest.raises(FencedMemberEpoch):
        played.beat("a", 1, logs(0, 1, 2, 3))


def test_a_fenced_member_joins_anew_with_nothing() -> None:
    played = Played()
    played.two_members()

    assert played.join("a") == Beaten("a", 2, logs(0, 1))


def test_new_partitions_and_deleted_topics_are_a_new_epoch() -> None:
    played = Played()
    played.join("a", "logs", "audit")
    played.topics = BOTH

    assert played.beat("a", 1).epoch == 2
    played.topics = dict(BOTH)
    assert played.beat("a", 2).epoch == 2
    played.topics = {"audit": KnownTopic(AUDIT, 2)}
    assert played.beat("a", 2).epoch == 2  # first it must give up what is gone
    assert played.beat("a", 2, {TopicPartition(AUDIT, 0), TopicPartition(AUDIT, 1)}).epoch == 3


def test_another_subscription_is_a_new_epoch() -> None:
    played = Played(BOTH)
    played.join("a")

    answer = played.beat("a", 1, topic_names=frozenset(("logs", "audit")))

    assert answer.epoch == 2
    assert answer.assigned == logs(0, 1, 2, 3) | {TopicPartition(AUDIT, n) for n in (0, 1)}


def test_topics_are_found_by_regular_expression_and_found_anew() -> None:
    played = Played()
    played.join("a", regex="lo.*|au.*")
    assert played.group.topic_names == {"logs"}
    played.topics = BOTH

    assert played.beat("a", 1).epoch == 2
    assert played.group.topic_names == {"logs", "audit"}
    played.beat("a", 2, topic_names=frozenset(("audit",)), topic_regex="")
    assert played.group.topic_names == {"audit"}
    assert played.group.patterns == {}


def test_a_regular_expression_finds_what_its_member_may_see() -> None:
    played = Played(BOTH)

    played.join("a", regex=".*", may_see=lambda name: name == "audit")

    assert played.group.topic_names == {"audit"}


def test_what_cannot_be_run_changes_nothing() -> None:
    played = Played()

    with pytest.raises(InvalidRegularExpression):
        played.join("a", regex="(")
    assert (played.group.members, played.group.epoch) == ({}, 0)


def test_most_votes_choose_the_assignor() -> None:
    played = Played()
    played.join("a", assignor="range")
    assert played.group.assignor == "range"
    played.join("b", assignor="uniform")
    played.join("c", assignor="uniform")

    assert played.group.assignor == "uniform"


def test_a_target_that_takes_long_to_make_is_made_once_for_many_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consumer_group, "PAIRS_PER_MS", 0.01)
    played = Played()
    played.join("a")

    assert played.join("b") == Beaten("b", 1, NOTHING)
    assert played.beat("a", 1) == Beaten("a", 1)
    assert played.join("c") == Beaten("c", 1, NOTHING)
    assert played.state() is ConsumerGroupState.ASSIGNING
    played.now_ms = 100
    assert played.beat("a", 1) == Beaten("a", 1, logs(0, 1))
    assert (played.group.epoch, played.group.assignment_epoch) == (3, 3)


def test_a_group_that_comes_from_disk_need_not_be_assigned_anew() -> None:
    """Also after somebody left who alone subscribed to a topic."""
    played = Played(BOTH)
    played.join("a")
    played.join("b", "audit")
    played.group.leave("b", None, -1)
    played.beat("a", 1)
    written = {
        slot: value
        for slot in played.group.take_changes()
        if (value := encode_value(played.group, slot)) is not None
    }

    played.group = restored(ConsumerGroup("g", session_ms=1000, max_members=3), written)

    assert played.beat("a", 3) == Beaten("a", 3)
    assert played.group.epoch == 3


def test_no_more_members_than_allowed() -> None:
    played = Played()
    for name in "abc":
        played.join(name)

    with pytest.raises(GroupMaxSizeReached):
        played.join("d")
    played.join("a")


class TestStaticMembers:
    def test_who_comes_back_has_its_place_without_a_rebalance(self) -> None:
        played = Played()
        played.join("a", instance_id="one")
        played.group.leave("a", "one", -2)

        assert played.join("a2", instance_id="one") == Beaten("a2", 1, logs(0, 1, 2, 3))
        assert played.group.epoch == 1
        with pytest.raises(FencedInstanceId):
            played.beat("a", 1, instance_id="one")

    def test_who_does_not_come_back_is_removed_after_a_session(self) -> None:
        played = Played()
        played.join("a", instance_id="one")
        played.group.leave("a", "one", -2)

        assert played.group.tick(1000) == ["a"]
        assert played.state() is ConsumerGroupState.EMPTY

    def test_a_name_in_use_is_not_taken(self) -> None:
        played = Played()
        played.join("a", instance_id="one")

        with pytest.raises(UnreleasedInstanceId):
            played.join("b", instance_id="one")
        assert played.join("a", instance_id="one").epoch == 1

    def test_who_is_away_has_no_say(self) -> None:
        played = Played()
        played.join("a", instance_id="one")
        played.group.leave("a", "one", -2)

        with pytest.raises(FencedMemberEpoch):
            played.beat("a", 1, NOTHING, instance_id="one")

    def test_names_nobody_has_are_unknown(self) -> None:
        played = Played()
        played.join("a")

        with pytest.raises(UnknownMemberId):
            played.beat("a", 1, instance_id="one")
        with pytest.raises(UnknownMemberId):
            played.group.leave("a", "one", -1)
        with pytest.raises(UnknownMemberId):
            played.group.leave("b", None, -1)

    def test_who_says_goodbye_is_gone(self) -> None:
        played = Played()
        played.join("a", instance_id="one")

        played.group.leave("a", "one", -1)

        assert played.join("b", instance_id="one").epoch == 3


class TestOffsets:
    def test_members_commit_in_their_epoch_only(self) -> None:
        played = Played()
        played.two_members()

        played.group.check_commit("a", 2)
        for epoch in (1, 3):
            with pytest.raises(StaleMemberEpoch):
                played.group.check_commit("a", epoch)
        with pytest.raises(UnknownMemberId):
            played.group.check_commit("c", 2)

    def test_strangers_commit_while_nobody_is_there(self) -> None:
        played = Played()

        played.group.check_commit("", -1)
        played.join("a")
        with pytest.raises(UnknownMemberId):
            played.group.check_commit("", -1)

    def test_members_are_told_offsets_in_their_epoch_strangers_always(self) -> None:
        played = Played()
        played.join("a")

        played.group.check_fetch(None, -1)
        played.group.check_fetch("a", 1)
        with pytest.raises(StaleMemberEpoch):
            played.group.check_fetch("a", 2)
        with pytest.raises(UnknownMemberId):
            played.group.check_fetch("b", 1)


def test_what_is_to_be_written_is_told_once_in_order() -> None:
    played = Played()
    played.join("a")

    assert played.group.take_changes() == [
        Slot(Part.GROUP),
        Slot(Part.MEMBER, "a"),
        Slot(Part.TARGET, "a"),
        Slot(Part.TARGET_EPOCH),
        Slot(Part.CURRENT, "a"),
    ]
    played.beat("a", 1)
    assert played.group.take_changes() == []


def test_a_group_from_disk_gives_everybody_a_session() -> None:
    played = Played()
    played.join("a")
    played.join("b")
    played.beat("a", 1)  # it is to give up two

    anew = ConsumerGroup("g", session_ms=1000, max_members=3)
    for member in played.group.members.values():
        anew.restore(member)
    anew.begin(5000)

    assert anew.tick(5299) == []
    assert anew.tick(5300) == ["a"]
    assert anew.tick(6000) == ["b"]
