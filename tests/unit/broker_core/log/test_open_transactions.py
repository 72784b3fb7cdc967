"""How far a reader of committed records may read."""

from hypothesis import given
from hypothesis import strategies as st

from broker_core.log.open_transactions import NOWHERE, OpenTransactions


def test_the_first_undecided_record_holds_readers_back() -> None:
    transactions = OpenTransactions()
    transactions.begin(1, 10)
    transactions.begin(2, 12)
    transactions.begin(1, 14)

    assert transactions.first_undecided == 10
    assert transactions.first_unstable(100) == 10
    assert list(transactions.by_producer.items()) == [(1, 10), (2, 12)]
    assert 1 in transactions
    assert 3 not in transactions


def test_a_marker_counts_once_it_is_below_the_high_watermark() -> None:
    transactions = OpenTransactions()
    transactions.begin(1, 10)

    assert transactions.end(1, marker_offset=20) == 10

    assert transactions.first_unstable(20) == 10
    assert transactions.first_unstable(21) == NOWHERE


def test_what_is_settled_is_forgotten_though_nobody_reads() -> None:
    transactions = OpenTransactions()
    for producer_id in (1, 2):
        transactions.begin(producer_id, 10)
        transactions.end(producer_id, marker_offset=20 + producer_id)

    transactions.settle(22)

    assert transactions.first_unstable(22) == 10, "the second is not settled"
    assert transactions.first_unstable(23) == NOWHERE


def test_a_marker_without_a_transaction_ends_nothing() -> None:
    transactions = OpenTransactions()

    assert transactions.end(1, marker_offset=20) is None
    assert transactions.first_unstable(0) == NOWHERE


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["write", "end"])), max_size=40),
    watermarks=st.lists(st.integers(0, 42), max_size=40),
)
def test_it_is_the_least_offset_of_what_is_undecided_or_not_durably_decided(
    steps: list[tuple[int, str]], watermarks: list[int]
) -> None:
    transactions = OpenTransactions()
    spans: list[list[int]] = []  # producer, first offset, marker
    high_watermark = 0
    for offset, (producer, step) in enumerate(steps):
        mine = [span for span in spans if span[0] == producer and span[2] == NOWHERE]
        if step == "write":
            transactions.begin(producer, offset)
            if not mine:
                spans.append([producer, offset, NOWHERE])
        else:
            transactions.end(producer, offset)
            for span in mine:
                span[2] = offset
        if watermarks:
            high_watermark = max(high_watermark, min(watermarks.pop(), offset + 1))

        undecided = [first for _, first, last in spans if last >= high_watermark]
        assert transactions.first_unstable(high_watermark) == min(undecided, default=NOWHERE)
