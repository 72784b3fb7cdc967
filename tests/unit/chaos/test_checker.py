"""The checker sees every broken promise, and none where there is none."""

import pytest

from tests.chaos.checker import check
from tests.chaos.history import COPIER, NOTHING_COMMITTED, Committed, History, Read, Sent


def kept() -> History:
    """A run in which the log kept its word: one plain producer, three transactions."""
    return History(
        sent=[
            Sent("plain", 0, 1, None),
            Sent("plain", 0, 2, None),
            Sent("plain", 1, 3, None),
            Sent("plain", 0, 4, None),
            Sent("transactional", 0, 11, "1/0"),
            Sent("transactional", 1, 12, "1/0"),
            Sent("transactional", 0, 13, "1/1"),
            Sent("transactional", 0, 14, "1/2"),
            Sent("transactional", 1, 15, "1/2"),
        ],
        acknowledged={1: 0, 2: 1, 3: 0, 11: 2, 12: 1, 13: 4, 14: 6, 15: 3},
        transactions={"1/0": "committed", "1/1": "aborted", "1/2": "unknown"},
        reads={"live": [Read(0, 0, 1), Read(1, 0, 3), Read(0, 1, 2), Read(0, 2, 11)]},
        commits={("live", 0): Committed({2, 3}, [2, 3]), ("live", 1): Committed({1}, [1])},
        offsets={("live", 0): 3, ("live", 1): 1},
        final=[
            *(Read(0, 0, 1), Read(0, 1, 2), Read(0, 2, 11), Read(0, 6, 14)),
            *(Read(1, 0, 3), Read(1, 1, 12), Read(1, 3, 15)),
        ],
    )


def kinds(history: History) -> set[str]:
    """Which promises were broken."""
    return {anomaly.kind for anomaly in check(history)}


def without(history: History, value: int) -> list[Read]:
    """The final log without a value."""
    return [read for read in history.final if read.value != value]


def test_a_log_that_keeps_its_word_has_no_anomaly() -> None:
    assert check(kept()) == []


def test_a_record_nobody_heard_of_again_may_be_there_or_not() -> None:
    history = kept()
    history.final.append(Read(0, 7, 4))
    assert check(history) == []


@pytest.mark.parametrize("value", [1, 12])
def test_an_acknowledged_record_that_is_gone_is_lost(value: int) -> None:
    history = kept()
    history.final = without(history, value)
    history.reads = {}
    assert kinds(history) == {"lost"}


def test_a_record_that_is_gone_though_its_transaction_was_committed_is_lost() -> None:
    history = kept()
    del history.acknowledged[12]
    history.final = without(history, 12)
    assert kinds(history) == {"lost"}


def test_an_acknowledged_record_of_an_open_transaction_is_not_owed() -> None:
    history = kept()
    history.final = [read for read in history.final if read.value not in (14, 15)]
    assert check(history) == []


def test_a_record_in_another_partition_has_moved() -> None:
    history = kept()
    history.final.append(Read(1, 8, 4))
    assert kinds(history) == {"moved"}


def test_a_record_elsewhere_than_it_was_acknowledged_has_moved() -> None:
    history = kept()
    history.final = [*without(history, 3), Read(1, 9, 3)]
    history.reads = {}
    assert kinds(history) == {"moved"}


def test_a_record_that_lies_there_twice_is_doubled() -> None:
    history = kept()
    history.final += [Read(0, 9, 4), Read(0, 10, 4)]
    assert kinds(history) == {"doubled"}


def test_two_records_of_one_producer_the_other_way_round_are_reordered() -> None:
    history = kept()
    history.acknowledged |= {1: 1, 2: 0}
    history.final = [Read(0, 0, 2), Read(0, 1, 1), *history.final[2:]]
    history.reads = {}
    assert kinds(history) == {"reordered"}


def test_a_record_of_an_aborted_transaction_in_the_log_is_shown() -> None:
    history = kept()
    history.final.insert(3, Read(0, 4, 13))
    assert kinds(history) == {"aborted"}


def test_a_record_of_an_aborted_transaction_given_to_a_consumer_is_shown() -> None:
    history = kept()
    history.reads["live"].append(Read(0, 4, 13))
    assert kinds(history) == {"aborted", "changed"}


def test_half_a_transaction_is_torn() -> None:
    history = kept()
    history.final = without(history, 15)
    assert kinds(history) == {"torn"}


def test_a_record_that_was_read_and_is_another_now_has_changed() -> None:
    history = kept()
    first, *others = history.final
    history.final = [first._replace(offset=5), *others]
    assert {"changed", "moved"} <= kinds(history)


def test_a_consumer_that_is_given_an_offset_again_went_backwards() -> None:
    history = kept()
    history.reads["live"].append(Read(0, 0, 1))
    assert kinds(history) == {"backwards"}


def test_the_last_look_that_is_given_an_offset_again_went_backwards() -> None:
    history = kept()
    history.final.append(Read(0, 0, 1))
    assert kinds(history) == {"doubled", "backwards"}


def test_a_consumer_that_is_not_given_a_committed_record_was_skipped() -> None:
    history = kept()
    history.reads["live"].remove(Read(0, 1, 2))
    assert kinds(history) == {"skipped"}


def test_a_consumer_that_does_not_begin_at_the_beginning_was_skipped() -> None:
    history = kept()
    history.reads["live"].remove(Read(0, 0, 1))
    assert kinds(history) == {"skipped"}


def test_a_consumer_that_stops_early_was_not_skipped() -> None:
    history = kept()
    history.reads["live"] = history.reads["live"][:2]
    assert check(history) == []


def test_an_uncommitted_record_given_to_a_consumer_and_then_cut_has_changed() -> None:
    history = kept()
    history.reads["live"].append(Read(0, 3, 4))
    assert kinds(history) == {"changed"}


def test_a_consumer_that_was_refused_is_told_of() -> None:
    history = kept()
    history.troubles = ["live, partition 0: offset out of range"]
    assert kinds(history) == {"refused"}


def test_a_transaction_that_nobody_ends_hangs() -> None:
    history = kept()
    history.unstable = {1: (4, 9)}
    assert kinds(history) == {"hanging"}


@pytest.mark.parametrize("found", [2, NOTHING_COMMITTED, 4])
def test_a_group_that_does_not_find_its_last_offset_was_forgotten(found: int) -> None:
    history = kept()
    history.offsets["live", 0] = found
    assert kinds(history) == {"forgotten"}


def test_a_group_of_which_nothing_is_found_was_forgotten() -> None:
    history = kept()
    history.offsets = {}
    assert kinds(history) == {"forgotten"}


@pytest.mark.parametrize("found", [3, 5])
def test_an_offset_of_unknown_fate_may_be_found_or_not(found: int) -> None:
    history = kept()
    history.commits["live", 0].attempted.add(5)
    history.offsets["live", 0] = found
    assert check(history) == []


def test_a_group_whose_offsets_were_never_acknowledged_may_find_nothing() -> None:
    history = kept()
    history.commits["live", 0] = Committed({2}, [])
    del history.offsets["live", 0]
    assert check(history) == []


def copied(history: History) -> History:
    """Let all before offset 3 of the first partition, and nothing of the other, be copied."""
    history.offsets[COPIER, 0] = 3
    history.copied = [Read(0, 0, 1), Read(0, 2, 2), Read(0, 3, 11)]
    return history


def test_what_a_reader_has_read_is_copied() -> None:
    assert check(copied(kept())) == []


def test_a_record_that_was_read_and_not_copied_is_miscopied() -> None:
    history = copied(kept())
    history.offsets[COPIER, 0] = 7
    assert kinds(history) == {"miscopied"}


@pytest.mark.parametrize("offset", [2, NOTHING_COMMITTED])
def test_a_copy_of_what_was_not_read_is_miscopied(offset: int) -> None:
    history = copied(kept())
    history.offsets[COPIER, 0] = offset
    assert kinds(history) == {"miscopied"}


def test_a_second_copy_of_a_record_is_miscopied() -> None:
    history = copied(kept())
    history.copied.insert(2, Read(0, 2, 2))
    assert kinds(history) == {"miscopied", "backwards"}


def test_a_copy_in_another_order_is_miscopied() -> None:
    history = copied(kept())
    history.copied = [Read(0, 0, 2), Read(0, 2, 1), Read(0, 3, 11)]
    assert kinds(history) == {"miscopied"}


def test_a_value_that_nobody_sent_is_invented() -> None:
    history = kept()
    history.final.append(Read(1, 7, 99))
    assert kinds(history) == {"invented"}
