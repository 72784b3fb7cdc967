"""Where each leader began, and where a follower that went another way cuts its log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.log.file_layout import LEADER_EPOCHS
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.replication.leader_epoch import EpochEnd, LeaderEpochs, restore, write
from tests.support.partition import batch, open_directory, topic


def test_each_epoch_ends_where_the_next_begins() -> None:
    epochs = LeaderEpochs([(2, 10), (5, 30), (6, 40)])

    assert epochs.end_of(2, log_end=55) == (2, 30)
    assert epochs.end_of(5, log_end=55) == (5, 40)
    assert epochs.end_of(6, log_end=55) == (6, 55)


def test_an_epoch_without_records_ends_where_the_one_before_it_does() -> None:
    assert LeaderEpochs([(2, 10), (5, 30)]).end_of(4, log_end=55) == (2, 30)


def test_an_epoch_before_all_others_ends_where_the_first_begins() -> None:
    assert LeaderEpochs([(2, 10), (5, 30)]).end_of(1, log_end=55) == (1, 10)


@pytest.mark.parametrize("epoch", [-1, 6])
def test_a_later_epoch_is_not_known(epoch: int) -> None:
    assert LeaderEpochs([(2, 10), (5, 30)]).end_of(epoch, log_end=55) == (-1, -1)


def test_an_epoch_is_new_once() -> None:
    epochs = LeaderEpochs()

    assert [epochs.assign(3, 0), epochs.assign(3, 7), epochs.assign(4, 9)] == [True, False, True]
    assert epochs.starts == ((3, 0), (4, 9))
    assert (epochs.at(8), epochs.at(9), epochs.latest) == (3, 4, 4)


def test_what_a_new_epoch_contradicts_is_forgotten() -> None:
    epochs = LeaderEpochs([(1, 0), (2, 10), (3, 20)])

    epochs.assign(4, 15)

    assert epochs.starts == ((1, 0), (2, 10), (4, 15))


def test_an_epoch_without_records_gives_way_to_the_next() -> None:
    epochs = LeaderEpochs([(1, 0), (2, 10)])

    epochs.assign(3, 10)

    assert epochs.starts == ((1, 0), (3, 10))


def test_truncation_forgets_what_lies_outside() -> None:
    epochs = LeaderEpochs([(1, 0), (2, 10), (3, 20)])

    epochs.truncate_to(20)
    epochs.truncate_before(12)

    assert epochs.starts == ((2, 12),)
    assert epochs.at(11) == -1

    epochs.truncate_before(30)

    assert epochs.starts == ((2, 30),)


def test_a_copy_of_the_same_epoch_is_cut_to_the_leaders_end() -> None:
    mine = LeaderEpochs([(1, 0), (4, 20)])

    assert mine.cut(EpochEnd(4, 26), log_end=30) == 26
    assert mine.cut(EpochEnd(4, 40), log_end=30) == 30


def test_a_copy_with_an_epoch_that_the_leader_lacks_is_cut_before_it() -> None:
    mine = LeaderEpochs([(1, 0), (4, 20)])

    assert mine.cut(EpochEnd(1, 25), log_end=30) == 20


def test_copies_that_each_lack_epochs_of_the_other_agree_in_the_end() -> None:
    """KIP-279: leaders changed so fast that no copy has them all."""
    leader = LeaderEpochs([(1, 0), (2, 10), (3, 15), (6, 18)])
    mine, end = LeaderEpochs([(1, 0), (2, 10), (5, 20)]), 30
    ends = []

    while (word := leader.diverges(mine.latest, end, log_end=25)) is not None:
        end = mine.cut(word, log_end=end)
        mine.truncate_to(end)
        ends.append(end)

    assert ends == [20, 15]
    assert mine.starts == ((1, 0), (2, 10))


def test_a_copy_from_before_the_leaders_log_is_cut_whole() -> None:
    mine = LeaderEpochs([(1, 50)])

    assert mine.cut(EpochEnd(0, 40), log_end=60) == 40


@pytest.mark.parametrize(("epoch", "end"), [(-1, 0), (1, 20), (4, 25), (4, 20), (1, 3)])
def test_a_prefix_does_not_diverge(epoch: int, end: int) -> None:
    assert LeaderEpochs([(1, 0), (4, 20)]).diverges(epoch, end, log_end=25) is None


@pytest.mark.parametrize(
    ("epoch", "end", "word"),
    [(1, 21, (1, 20)), (4, 26, (4, 25)), (2, 20, (1, 20)), (0, 5, (0, 0))],
)
def test_a_copy_that_went_another_way_diverges(epoch: int, end: int, word: object) -> None:
    assert LeaderEpochs([(1, 0), (4, 20)]).diverges(epoch, end, log_end=25) == word


# -- on disk


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogDirectory]:
    opened = open_directory(tmp_path)
    yield opened
    opened.let_go()


def written(logs: LogDirectory) -> PartitionLog:
    """Nine records over several segments: epochs 0, 2 and 5 from offsets 0, 2 and 6."""
    log = topic(logs, {"segment.bytes": "1024"})
    for number in range(9):
        log.append(batch(b"x" * 300), leader_epoch=0 if number < 2 else 2 if number < 6 else 5)
    assert len(log.segments) > 3
    return log


def test_epochs_come_back_from_the_batches(logs: LogDirectory) -> None:
    assert restore(written(logs)).starts == ((0, 0), (2, 2), (5, 6))


def test_epochs_come_back_from_their_file_and_what_was_written_since(logs: LogDirectory) -> None:
    log = written(logs)
    write(log.directory, LeaderEpochs([(1, 0), (2, 2)]).starts)

    assert restore(log).starts == ((1, 0), (2, 2), (5, 6))


def test_an_epoch_in_which_nothing_was_written_is_remembered(logs: LogDirectory) -> None:
    log = written(logs)
    write(log.directory, LeaderEpochs([(0, 0), (2, 2), (5, 6), (7, 9)]).starts)

    assert restore(log).latest == 7


def test_what_the_file_says_of_records_that_are_gone_does_not_count(logs: LogDirectory) -> None:
    log = written(logs)
    write(log.directory, LeaderEpochs([(0, 0), (2, 2), (5, 6), (8, 12)]).starts)

    assert restore(log).latest == 5


def test_a_damaged_file_costs_a_look_at_the_log(logs: LogDirectory) -> None:
    log = written(logs)
    (log.directory / LEADER_EPOCHS).write_bytes(b"{")

    assert restore(log).starts == ((0, 0), (2, 2), (5, 6))


def test_an_empty_log_has_no_epochs(logs: LogDirectory) -> None:
    assert restore(topic(logs)).starts == ()
