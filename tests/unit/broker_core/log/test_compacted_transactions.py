"""What compaction knows of transactions: whose records go, and how long a marker stays."""

from broker_core.log.compacted_transactions import CompactedTransactions
from broker_core.log.transaction_index import AbortedTransaction, TransactionIndex
from broker_core.protocol.record_batch import BatchHeader, read_header
from tests.support.partition import batch

ABORTED = AbortedTransaction(producer_id=1, first_offset=10, last_offset=20, last_stable_offset=21)


def at(offset: int, producer_id: int = 1, *, transactional: bool = True) -> BatchHeader:
    data = batch(b"", producer_id=producer_id, epoch=0, sequence=0, transactional=transactional)
    return read_header(data)._replace(base_offset=offset)


def test_only_records_of_the_aborted_transaction_go() -> None:
    transactions = CompactedTransactions([ABORTED])

    assert not transactions.is_aborted(at(5))
    assert not transactions.is_aborted(at(12, transactional=False))
    assert not transactions.is_aborted(at(13, producer_id=2))
    assert transactions.is_aborted(at(14))
    assert transactions.has_records(at(20), TransactionIndex())
    assert not transactions.is_aborted(at(21))


def test_a_marker_stays_as_long_as_records_of_its_transaction_were_met() -> None:
    index = TransactionIndex()
    first = CompactedTransactions([ABORTED])
    first.is_aborted(at(10))
    assert first.has_records(at(20), index)
    assert list(index) == [ABORTED]

    index = TransactionIndex()
    second = CompactedTransactions([ABORTED])
    assert not second.has_records(at(20), index)
    assert list(index) == []


def test_a_marker_of_a_commit_stays_likewise_and_enters_no_index() -> None:
    index = TransactionIndex()
    transactions = CompactedTransactions([])
    transactions.is_aborted(at(10))

    assert transactions.has_records(at(20), index)
    assert not transactions.has_records(at(21), index)
    assert list(index) == []
