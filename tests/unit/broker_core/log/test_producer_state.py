"""Producers with an id: retries, gaps, epochs, transactions, expiry, snapshots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.errors import (
    ConcurrentTransactions,
    InvalidProducerEpoch,
    InvalidTxnState,
    NotEnoughReplicas,
    OutOfOrderSequence,
    TransactionCoordinatorFenced,
)
from broker_core.log import producer_state
from broker_core.log.producer_state import REMEMBERED_BATCHES, ProducerState
from broker_core.protocol.record_batch import BatchHeader, read_header
from tests.support.partition import batch, marker

LAST_SEQUENCE = 2**31 - 1


def header(
    sequence: int,
    *,
    records: int = 1,
    epoch: int = 0,
    producer_id: int = 9,
    transactional: bool = False,
) -> BatchHeader:
    data = batch(
        *[b""] * records,
        producer_id=producer_id,
        epoch=epoch,
        sequence=sequence,
        transactional=transactional,
    )
    return read_header(data)


def after(*written: BatchHeader) -> ProducerState:
    state = ProducerState()
    offset = 100
    for one in written:
        assert state.check(one) is None
        state.record(one, offset, timestamp_ms=offset)
        offset += one.record_count
    return state


def test_a_new_producer_may_begin_anywhere_because_old_ones_are_forgotten() -> None:
    assert ProducerState().check(header(77)) is None


def test_batches_in_order_are_new() -> None:
    state = after(header(0, records=3), header(3, records=2))

    assert state.check(header(5)) is None


def test_each_of_the_last_five_batches_is_recognised_with_its_offsets() -> None:
    state = after(*(header(number * 2, records=2) for number in range(6)))

    for number in range(1, 6):
        known = state.check(header(number * 2, records=2))
        assert known is not None
        assert (known.base_offset, known.last_offset) == (100 + number * 2, 101 + number * 2)
    assert REMEMBERED_BATCHES == 5


def test_a_batch_older_than_those_is_out_of_order() -> None:
    state = after(*(header(number) for number in range(6)))

    with pytest.raises(OutOfOrderSequence):
        state.check(header(0))


@pytest.mark.parametrize("sequence", [0, 1, 4, 1000])
def test_what_leaves_a_gap_or_overlaps_is_out_of_order(sequence: int) -> None:
    state = after(header(0, records=3))

    with pytest.raises(OutOfOrderSequence, match="3 is next"):
        state.check(header(sequence))


def test_sequences_wrap_around() -> None:
    state = after(header(LAST_SEQUENCE - 1, records=2))
    assert state.check(header(0)) is None

    state = after(header(LAST_SEQUENCE, records=3))
    assert state.check(header(2)) is None


def test_an_older_epoch_is_fenced() -> None:
    state = after(header(0, epoch=1))

    with pytest.raises(InvalidProducerEpoch):
        state.check(header(1, epoch=0))


def test_a_new_epoch_begins_at_zero() -> None:
    state = after(header(0, epoch=1))

    assert state.check(header(0, epoch=2)) is None
    with pytest.raises(OutOfOrderSequence):
        state.check(header(1, epoch=2))


def test_producers_do_not_disturb_each_other() -> None:
    state = after(header(0, producer_id=1), header(0, producer_id=2), header(1, producer_id=1))

    assert state.check(header(1, producer_id=2)) is None
    assert state.check(header(2, producer_id=1)) is None


def test_who_was_silent_for_long_is_forgotten() -> None:
    state = after(header(0, producer_id=1), header(0, producer_id=2))

    state.expire(before_ms=101)

    assert len(state) == 1
    assert state.check(header(5, producer_id=1)) is None


def test_the_longest_silent_producer_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker_core.log.producer_state.MAX_PRODUCERS", 2)

    state = after(*(header(0, producer_id=number) for number in (1, 2, 3)))

    assert len(state) == 2
    assert state.check(header(0, producer_id=1)) is None
    assert state.check(header(0, producer_id=3)) is not None


@given(
    writes=st.lists(
        st.tuples(st.integers(0, 4), st.integers(1, 3), st.booleans(), st.booleans()), max_size=30
    )
)
def test_a_snapshot_restores_everything(writes: list[tuple[int, int, bool, bool]]) -> None:
    state = ProducerState()
    sequences: dict[int, int] = {}
    for number, (producer_id, records, transactional, ends) in enumerate(writes):
        sequence = sequences.get(producer_id, 0)
        one = header(
            sequence, records=records, producer_id=producer_id, transactional=transactional
        )
        state.record(one, number * 10, timestamp_ms=number)
        sequences[producer_id] = sequence + records
        if ends:
            state.end(marker(producer_id, committed=True), number * 10 + 5, timestamp_ms=number)

    read = ProducerState.decode(state.encode())

    assert read is not None
    assert read.encode() == state.encode()
    assert list(read.by_id.items()) == list(state.by_id.items())
    assert list(read.transactions.by_producer.items()) == list(
        state.transactions.by_producer.items()
    )


def test_a_first_batch_that_could_not_be_written_is_still_the_one_that_must_come_first() -> None:
    state = ProducerState()
    state.check(header(0, records=3))

    state.refused(header(0, records=3))

    for _ in range(REMEMBERED_BATCHES - 1):
        with pytest.raises(NotEnoughReplicas, match="sequence 0 again first"):
            state.check(header(3))
    with pytest.raises(OutOfOrderSequence, match="0 is next"):
        state.check(header(3))
    assert state.check(header(0, records=3)) is None


@pytest.mark.parametrize("written", [(), (header(0, records=3),)], ids=["unknown", "known"])
def test_what_was_sent_behind_a_refused_batch_is_not_out_of_order(
    written: tuple[BatchHeader, ...],
) -> None:
    state = after(*written)
    state.refused(header(3, records=2))

    with pytest.raises(NotEnoughReplicas, match="sequence 3 again first"):
        state.check(header(5))
    assert state.check(header(3, records=2)) is None
    state.record(header(3, records=2), 200, timestamp_ms=200)
    assert state.check(header(5)) is None
    with pytest.raises(OutOfOrderSequence):
        state.check(header(6))


def test_a_new_epoch_begins_with_its_first_batch_though_that_was_refused() -> None:
    state = after(header(0))
    state.refused(header(0, epoch=1))

    with pytest.raises(NotEnoughReplicas):
        state.check(header(1, epoch=1))
    with pytest.raises(OutOfOrderSequence):
        state.check(header(7))
    assert state.check(header(0, epoch=1)) is None


@pytest.mark.parametrize("sequence", [0, 9])
def test_what_was_out_of_order_anyway_excuses_nothing(sequence: int) -> None:
    state = after(header(0, records=3))
    state.refused(header(sequence))

    with pytest.raises(OutOfOrderSequence):
        state.check(header(12))


def test_only_so_many_refusals_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer_state, "_MAX_REFUSALS", 2)
    state = ProducerState()
    for producer_id in range(3):
        state.refused(header(5, producer_id=producer_id))

    assert state.check(header(6, producer_id=0)) is None
    for producer_id in (1, 2):
        with pytest.raises(NotEnoughReplicas):
            state.check(header(6, producer_id=producer_id))


@given(st.data())
def test_a_pipeline_with_refusals_loses_doubles_and_reorders_nothing(data: st.DataObject) -> None:
    """Five in flight; whatever is refused is sent again, in order, once all have been answered."""
    state = ProducerState()
    waiting = list(range(data.draw(st.integers(5, 20))))
    written: list[int] = []
    for _ in range(100):
        flight = waiting[:REMEMBERED_BATCHES]
        may_refuse = data.draw(st.booleans())
        for sequence in flight:
            one = header(sequence)
            if may_refuse and data.draw(st.booleans()):
                state.refused(one)
                continue
            try:
                assert state.check(one) is None
            except NotEnoughReplicas:
                continue
            state.record(one, len(written), timestamp_ms=0)
            written.append(sequence)
        waiting = [sequence for sequence in waiting if sequence not in written]
        if not waiting:
            break

    assert written == sorted(written)
    assert len(set(written)) == len(written)


def test_only_the_batch_that_must_come_first_is_awaited() -> None:
    state = ProducerState()

    state.refused(header(5))
    state.refused(header(0, producer_id=-1, epoch=-1))

    assert len(state) == 0


def test_a_marker_of_a_later_epoch_fences_the_producer_that_wrote() -> None:
    state = after(header(0, transactional=True))

    state.end(marker(9, epoch=1, committed=False), 101, timestamp_ms=0)

    with pytest.raises(InvalidProducerEpoch):
        state.check(header(1))
    with pytest.raises(InvalidProducerEpoch):
        state.check_epoch(9, 0)
    assert state.check(header(0, epoch=1)) is None
    with pytest.raises(OutOfOrderSequence, match="0 is next"):
        state.check(header(1, epoch=1))


def test_sequences_go_on_over_transactions() -> None:
    state = after(header(0, transactional=True))

    state.end(marker(9, committed=True), 101, timestamp_ms=0)

    assert state.check(header(1, transactional=True)) is None
    assert state.check(header(0, transactional=True)) is not None


def test_a_producer_writes_nothing_outside_of_its_open_transaction() -> None:
    state = after(header(0, transactional=True))

    with pytest.raises(InvalidTxnState):
        state.check(header(1))

    assert state.check(header(1, transactional=True)) is None


def test_a_coordinator_that_was_replaced_ends_nothing() -> None:
    state = after(header(0, transactional=True))
    state.end(marker(9, committed=True, coordinator=3), 101, timestamp_ms=0)

    with pytest.raises(TransactionCoordinatorFenced):
        state.check_marker(marker(9, committed=True, coordinator=2))
    with pytest.raises(InvalidProducerEpoch):
        state.check_marker(marker(9, epoch=-1, committed=True, coordinator=3))

    state.check_marker(marker(9, epoch=1, committed=True, coordinator=3))


def test_what_was_aborted_is_known_with_what_was_undecided_then() -> None:
    state = after(
        header(0, producer_id=1, transactional=True), header(0, producer_id=2, transactional=True)
    )

    assert state.end(marker(1, committed=False), 102, timestamp_ms=0) == (1, 100, 102, 101)
    assert state.end(marker(2, committed=False), 103, timestamp_ms=0) == (2, 101, 103, 104)
    assert state.end(marker(2, committed=False), 104, timestamp_ms=0) is None


def test_who_has_an_open_transaction_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker_core.log.producer_state.MAX_PRODUCERS", 2)
    state = after(
        header(0, producer_id=1, transactional=True),
        header(0, producer_id=2),
        header(0, producer_id=3),
    )
    assert list(state.by_id) == [1, 3]

    state.expire(before_ms=1000)

    assert list(state.by_id) == [1]


def test_a_damaged_snapshot_is_not_taken() -> None:
    data = after(header(0), header(1)).encode()

    assert ProducerState.decode(data) is not None
    for size in range(len(data)):
        assert ProducerState.decode(data[:size]) is None
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1
        assert ProducerState.decode(bytes(flipped)) is None


def test_a_coordinators_word_counts_until_the_producers_next_marker() -> None:
    state = ProducerState()
    token = state.begin_verification(9)
    assert state.begin_verification(9) is token, "questions about one transaction are one"
    state.end(marker(8, committed=True), 100, timestamp_ms=0)
    state.check_verified(9, token, coordinator_epoch=0)

    state.end(marker(9, committed=True), 101, timestamp_ms=0)

    with pytest.raises(ConcurrentTransactions):
        state.check_verified(9, token, coordinator_epoch=0)
    state.check_verified(9, state.begin_verification(9), coordinator_epoch=0)


def test_the_word_of_a_coordinator_that_was_replaced_does_not_count() -> None:
    state = ProducerState()
    state.end(marker(9, committed=True, coordinator=5), 100, timestamp_ms=0)
    token = state.begin_verification(9)

    with pytest.raises(ConcurrentTransactions):
        state.check_verified(9, token, coordinator_epoch=4)
    state.check_verified(9, token, coordinator_epoch=5)


def test_what_has_begun_is_verified_no_more() -> None:
    state = ProducerState()
    token = state.begin_verification(9)
    state.record(header(0, transactional=True), 100, timestamp_ms=0)

    with pytest.raises(ConcurrentTransactions):
        state.check_verified(9, token, coordinator_epoch=0)
