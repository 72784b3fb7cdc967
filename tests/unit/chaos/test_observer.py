"""Of what nodes say of a partition, the word of its latest leader counts."""

from tests.chaos.observer import Seen, newest, views

ALL = frozenset({1, 2, 3})


def test_the_latest_leader_epoch_counts_whoever_says_so() -> None:
    old, new = Seen(1, 4, ALL, ALL), Seen(2, 5, ALL, frozenset({2, 3}))

    for answers in ([{("t", 0): old}, {("t", 0): new}], [{("t", 0): new}, {("t", 0): old}]):
        assert newest(answers) == {("t", 0): new}


def test_a_partition_is_whole_with_a_leader_and_all_copies_in_sync() -> None:
    assert Seen(1, 0, ALL, ALL).is_whole
    assert not Seen(1, 0, ALL, frozenset({1, 2})).is_whole
    assert not Seen(-1, 0, ALL, ALL).is_whole


def test_a_node_that_is_not_there_says_nothing() -> None:
    assert views(["127.0.0.1"], 1) == []
