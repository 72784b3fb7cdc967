"""Who shall read what: balanced, with few moves; runs of neighbours for ``range``."""

from collections.abc import Mapping, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.coordinator import assignors
from broker_core.coordinator.assignors import Wish, assign_range, assign_uniform
from broker_core.coordinator.topic_partitions import TopicPartition

A, B = b"a", b"b"


def wish(*topics: bytes, before: Set[TopicPartition] = frozenset()) -> Wish:
    return Wish(topics=frozenset(topics), before=before)


def some(topic: bytes, *numbers: int) -> set[TopicPartition]:
    return {TopicPartition(topic, number) for number in numbers}


def test_range_gives_runs_the_same_of_topics_alike() -> None:
    found = assign_range({"m2": wish(A, B), "m1": wish(A, B)}, {A: 5, B: 5})

    assert found == {
        "m1": some(A, 0, 1, 2) | some(B, 0, 1, 2),
        "m2": some(A, 3, 4) | some(B, 3, 4),
    }


def test_range_keeps_the_place_of_a_static_member_over_restarts() -> None:
    def static(instance_id: str) -> Wish:
        return Wish(topics=frozenset((A,)), instance_id=instance_id)

    before = assign_range({"x": static("one"), "y": static("two")}, {A: 4})
    after = assign_range({"z": static("one"), "y": static("two")}, {A: 4})

    assert (before["x"], before["y"]) == (after["z"], after["y"])


def test_range_leaves_out_who_does_not_subscribe() -> None:
    found = assign_range({"m1": wish(A), "m2": wish(B)}, {A: 2, B: 1})

    assert found == {"m1": some(A, 0, 1), "m2": some(B, 0)}


def test_uniform_moves_no_more_than_a_newcomer_needs() -> None:
    before = {"m1": some(A, 0, 1, 2), "m2": some(A, 3, 4, 5)}

    found = assign_uniform(
        {**{name: wish(A, before=had) for name, had in before.items()}, "m3": wish(A)}, {A: 6}
    )

    assert sorted(len(each) for each in found.values()) == [2, 2, 2]
    assert found["m1"] < before["m1"]
    assert found["m2"] < before["m2"]


def test_uniform_gives_what_is_gone_to_those_who_stay() -> None:
    found = assign_uniform({"m1": wish(A, before=some(A, 0, 3)), "m2": wish(A)}, {A: 4})

    assert found == {"m1": some(A, 0, 3), "m2": some(A, 1, 2)}


def test_uniform_makes_up_for_topics_that_few_read() -> None:
    found = assign_uniform({"m1": wish(A, B), "m2": wish(A)}, {A: 3, B: 3})

    assert found == {"m1": some(B, 0, 1, 2), "m2": some(A, 0, 1, 2)}


def test_uniform_evens_out_what_was_uneven() -> None:
    wishes = {"m1": wish(A, B, before=some(A, 0, 1, 2, 3)), "m2": wish(A)}

    found = assign_uniform(wishes, {A: 4, B: 1})

    assert sorted(map(len, found.values())) == [2, 3]


def test_uniform_looks_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignors, "MAX_LOOKS", 0)
    before = some(A, 0, 1, 2, 3)

    found = assign_uniform({"m1": wish(A, B, before=before), "m2": wish(A)}, {A: 4, B: 1})

    assert found == {"m1": before | some(B, 0), "m2": set()}


def test_nobody_is_given_what_nobody_subscribes_to() -> None:
    assert assign_uniform({"m1": wish()}, {}) == {"m1": set()}


TOPICS = st.dictionaries(st.sampled_from([b"a", b"b", b"c"]), st.integers(1, 12), min_size=1)


@st.composite
def wishes_and_topics(draw: st.DrawFn) -> tuple[dict[str, Wish], dict[bytes, int]]:
    topics = draw(TOPICS)
    subscription = st.frozensets(st.sampled_from(sorted(topics)), min_size=1)
    names = draw(st.sets(st.sampled_from("pqrstuv"), min_size=1))
    partition = st.builds(TopicPartition, st.sampled_from([b"a", b"b", b"d"]), st.integers(0, 12))
    wishes = {
        name: Wish(topics=draw(subscription), before=draw(st.frozensets(partition, max_size=8)))
        for name in sorted(names)
    }
    return wishes, {
        topic_id: count
        for topic_id, count in topics.items()
        if any(topic_id in each.topics for each in wishes.values())
    }


@given(wishes_and_topics())
def test_everything_is_read_once_by_somebody_who_subscribes(
    case: tuple[Mapping[str, Wish], Mapping[bytes, int]],
) -> None:
    wishes, topics = case
    everything = {TopicPartition(one, number) for one in topics for number in range(topics[one])}
    for assign in (assign_uniform, assign_range):
        found = assign(wishes, topics)
        given_away = [each for share in found.values() for each in share]

        assert found.keys() == wishes.keys()
        assert sorted(given_away) == sorted(everything)
        for name, share in found.items():
            assert {each.topic_id for each in share} <= wishes[name].topics


@given(wishes_and_topics())
def test_uniform_leaves_nothing_that_one_move_would_make_more_even(
    case: tuple[Mapping[str, Wish], Mapping[bytes, int]],
) -> None:
    wishes, topics = case
    found = assign_uniform(wishes, topics)

    for name, share in found.items():
        for other, theirs in found.items():
            if any(each.topic_id in wishes[other].topics for each in share):
                assert len(share) - len(theirs) < 2, (name, other)


@given(wishes_and_topics())
def test_uniform_stays_as_it_is_when_nothing_changes(
    case: tuple[Mapping[str, Wish], Mapping[bytes, int]],
) -> None:
    wishes, topics = case
    first = assign_uniform(wishes, topics)
    again = {name: Wish(topics=each.topics, before=first[name]) for name, each in wishes.items()}

    assert assign_uniform(again, topics) == first
