"""Idempotent producers: retries, gaps, epochs, expiry, snapshots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.errors import InvalidProducerEpoch, OutOfOrderSequence
from broker_core.log.producer_state import REMEMBERED_BATCHES, ProducerState
from broker_core.protocol.record_batch import BatchHeader, read_header
from tests.support.partition import batch

LAST_SEQUENCE = 2**31 - 1


def header(sequence: int, *, records: int = 1, epoch: int = 0, producer_id: int = 9) -> BatchHeader:
    data = batch(*[b""] * records, producer_id=producer_id, epoch=epoch, sequence=sequence)
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


@given(writes=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), max_size=30))
def test_a_snapshot_restores_everything(writes: list[tuple[int, int]]) -> None:
    state = ProducerState()
    sequences: dict[int, int] = {}
    for number, (producer_id, records) in enumerate(writes):
        sequence = sequences.get(producer_id, 0)
        one = header(sequence, records=records, producer_id=producer_id)
        state.record(one, number * 10, timestamp_ms=number)
        sequences[producer_id] = sequence + records

    read = ProducerState.decode(state.encode())

    assert read is not None
    assert read.encode() == state.encode()


def test_a_damaged_snapshot_is_not_taken() -> None:
    data = after(header(0), header(1)).encode()

    assert ProducerState.decode(data) is not None
    for size in range(len(data)):
        assert ProducerState.decode(data[:size]) is None
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1
        assert ProducerState.decode(bytes(flipped)) is None
