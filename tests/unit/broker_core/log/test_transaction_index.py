"""The aborted transactions of a segment, and their file."""

from hypothesis import given
from hypothesis import strategies as st

from broker_core.log.transaction_index import AbortedTransaction, TransactionIndex

OFFSETS = st.integers(0, 2**62)
ABORTED = st.builds(AbortedTransaction, OFFSETS, OFFSETS, OFFSETS, OFFSETS)


def index_of(aborted: list[AbortedTransaction]) -> TransactionIndex:
    index = TransactionIndex()
    for one in aborted:
        index.append(one)
    return index


@given(aborted=st.lists(ABORTED, max_size=5))
def test_round_trip(aborted: list[AbortedTransaction]) -> None:
    index = index_of(aborted)

    read = TransactionIndex.decode(index.encode(log_bytes=9), log_bytes=9)

    assert read is not None
    assert list(read) == aborted
    assert len(read) == len(aborted)


def test_an_index_of_another_log_or_damaged_is_not_taken() -> None:
    data = index_of([AbortedTransaction(1, 2, 3, 4)]).encode(log_bytes=9)

    assert TransactionIndex.decode(data, log_bytes=10) is None
    for size in range(len(data)):
        assert TransactionIndex.decode(data[:size], log_bytes=9) is None
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1
        assert TransactionIndex.decode(bytes(flipped), log_bytes=9) is None
