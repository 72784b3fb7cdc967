"""One transactional id, step by step."""

from dataclasses import replace

import pytest

from broker_core.coordinator.transaction import (
    LAST_GIVEN_EPOCH,
    NO_EPOCH,
    ProducerIdentity,
    Transaction,
    TransactionState,
)
from broker_core.errors import (
    BrokerError,
    ConcurrentTransactions,
    InvalidProducerIdMapping,
    InvalidTxnState,
    ProducerFenced,
)

FIRST = ProducerIdentity(7, 0)
SECOND = ProducerIdentity(7, 1)
NEW = Transaction(
    transactional_id="t", producer=ProducerIdentity(7, NO_EPOCH), timeout_ms=0, updated_ms=0
)
EMPTY = NEW.init_producer(None, timeout_ms=100, now_ms=1)
ONGOING = EMPTY.add_partitions(FIRST, [("a", 0)], now_ms=2)


def ended(committed: bool) -> Transaction:
    return ONGOING.end(FIRST, committed=committed, now_ms=3).complete(now_ms=4)


def test_the_first_producer_has_epoch_zero_and_each_later_one_the_next() -> None:
    assert EMPTY.producer == FIRST
    assert EMPTY.init_producer(None, timeout_ms=100, now_ms=2).producer == SECOND
    assert ended(True).init_producer(None, timeout_ms=5, now_ms=5).timeout_ms == 5


def test_a_producer_that_asks_for_its_next_epoch_may_ask_again() -> None:
    bumped = EMPTY.init_producer(FIRST, timeout_ms=100, now_ms=2)
    again = bumped.init_producer(FIRST, timeout_ms=100, now_ms=3)

    assert bumped.producer == again.producer == SECOND


def test_it_may_not_once_somebody_else_has_begun() -> None:
    taken = EMPTY.init_producer(None, timeout_ms=100, now_ms=2)

    with pytest.raises(ProducerFenced):
        taken.init_producer(FIRST, timeout_ms=100, now_ms=3)
    with pytest.raises(ProducerFenced):
        taken.check_expected(ProducerIdentity(8, 1))


def test_when_epochs_run_out_another_producer_id_takes_over() -> None:
    last = replace(EMPTY, producer=ProducerIdentity(7, LAST_GIVEN_EPOCH))
    assert last.needs_producer_id

    rotated = last.init_producer(last.producer, timeout_ms=1, now_ms=2, new_producer_id=9)

    assert rotated.producer == ProducerIdentity(9, 0)
    again = rotated.init_producer(last.producer, timeout_ms=1, now_ms=2)
    assert again.producer == ProducerIdentity(9, 0)


def test_the_coordinators_own_abort_has_an_epoch_even_then() -> None:
    last = ProducerIdentity(7, LAST_GIVEN_EPOCH)
    ongoing = replace(EMPTY, producer=last).add_partitions(last, [("a", 0)], now_ms=2)

    fenced = ongoing.fence(now_ms=3)

    assert fenced.producer.epoch == 2**15 - 1
    assert fenced.complete(now_ms=4).needs_producer_id


def test_a_transaction_begins_with_its_first_partition_and_grows() -> None:
    assert (ONGOING.state, ONGOING.started_ms) == (TransactionState.ONGOING, 2)

    grown = ONGOING.add_partitions(FIRST, [("a", 0), ("b", 1)], now_ms=3)

    assert grown.partitions == {("a", 0), ("b", 1)}
    assert grown.started_ms == 2
    assert grown.add_partitions(FIRST, [("b", 1)], now_ms=9) is grown


@pytest.mark.parametrize("committed", [True, False])
def test_it_is_decided_once_and_the_same_answer_may_be_asked_for_again(committed: bool) -> None:
    decided = ONGOING.end(FIRST, committed=committed, now_ms=3)

    with pytest.raises(ConcurrentTransactions):
        decided.end(FIRST, committed=committed, now_ms=4)
    with pytest.raises(InvalidTxnState):
        decided.end(FIRST, committed=not committed, now_ms=4)
    complete = decided.complete(now_ms=4)
    assert complete.end(FIRST, committed=committed, now_ms=5) is complete
    with pytest.raises(InvalidTxnState):
        complete.end(FIRST, committed=not committed, now_ms=5)
    assert complete.add_partitions(FIRST, [("c", 0)], now_ms=6).partitions == {("c", 0)}


def test_nothing_begins_while_the_one_before_is_being_ended() -> None:
    decided = ONGOING.end(FIRST, committed=True, now_ms=3)

    with pytest.raises(ConcurrentTransactions):
        decided.add_partitions(FIRST, [("a", 0)], now_ms=4)
    for busy in (decided, ONGOING):
        with pytest.raises(ConcurrentTransactions):
            busy.init_producer(None, timeout_ms=1, now_ms=4)


def test_there_must_be_something_to_end() -> None:
    with pytest.raises(InvalidTxnState):
        EMPTY.end(FIRST, committed=True, now_ms=2)


@pytest.mark.parametrize(
    ("producer", "error"),
    [
        (ProducerIdentity(8, 0), InvalidProducerIdMapping),
        (ProducerIdentity(7, -1), ProducerFenced),
        (SECOND, ProducerFenced),
    ],
)
def test_only_the_newest_incarnation_is_listened_to(
    producer: ProducerIdentity, error: type[BrokerError]
) -> None:
    with pytest.raises(error):
        ONGOING.add_partitions(producer, [("b", 0)], now_ms=3)
    with pytest.raises(error):
        ONGOING.end(producer, committed=True, now_ms=3)
    with pytest.raises(error):
        ONGOING.writable(producer, [("a", 0)])


def test_only_what_was_added_is_written_to_and_only_while_it_lasts() -> None:
    assert ONGOING.writable(FIRST, [("a", 0), ("a", 1)]) == {("a", 0)}
    for over in (EMPTY, ended(True)):
        assert over.writable(FIRST, [("a", 0)]) == frozenset()


def test_what_is_aborted_for_a_producer_fences_it() -> None:
    fenced = ONGOING.fence(now_ms=3)

    assert (fenced.state, fenced.producer) == (TransactionState.PREPARE_ABORT, SECOND)
    with pytest.raises(ProducerFenced):
        fenced.end(FIRST, committed=True, now_ms=4)
    with pytest.raises(ProducerFenced):
        fenced.complete(now_ms=4).init_producer(FIRST, timeout_ms=1, now_ms=5)


def test_only_an_ongoing_transaction_times_out() -> None:
    assert not ONGOING.is_timed_out(102)
    assert ONGOING.is_timed_out(103)
    assert not EMPTY.is_timed_out(10_000)


def test_only_what_is_idle_is_forgotten() -> None:
    assert ended(False).is_forgettable(5)
    assert not ended(False).is_forgettable(4)
    assert not ONGOING.is_forgettable(10_000)
    assert not ONGOING.end(FIRST, committed=True, now_ms=3).is_forgettable(10_000)
