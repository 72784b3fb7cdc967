"""What compaction must know of transactions while it goes through a log. Pure.

A marker stays for as long as a record of its transaction was met before it: whoever finds the
records needs it. Only a later pass, which meets none of them, may drop it; until then an aborted
transaction also stays in the index.
"""

from collections.abc import Sequence

from broker_core.log.transaction_index import AbortedTransaction, TransactionIndex
from broker_core.protocol.record_batch import BatchHeader


class CompactedTransactions:
    """The transactions met in one pass, which shows every batch once, in the log's order.

    Args:
        aborted: Every aborted transaction with records in what the pass goes through.
    """

    def __init__(self, aborted: Sequence[AbortedTransaction]) -> None:
        self._to_come = sorted(aborted, key=lambda one: one.first_offset, reverse=True)
        self._aborting: dict[int, AbortedTransaction] = {}
        self._met: set[int] = set()

    def is_aborted(self, header: BatchHeader) -> bool:
        """Whether a batch of records, not of markers, belongs to an aborted transaction."""
        if not header.is_transactional:
            return False
        self._begin_up_to(header.last_offset)
        self._met.add(header.producer_id)
        return header.producer_id in self._aborting

    def has_records(self, header: BatchHeader, index: TransactionIndex) -> bool:
        """Whether records of the transaction that this marker ends were met.

        Args:
            index: Gets the transaction if so and it was aborted.
        """
        self._begin_up_to(header.last_offset)
        aborted = self._aborting.pop(header.producer_id, None)
        if header.producer_id not in self._met:
            return False
        self._met.remove(header.producer_id)
        if aborted is not None:
            index.append(aborted)
        return True

    def _begin_up_to(self, offset: int) -> None:
        while self._to_come and self._to_come[-1].first_offset <= offset:
            aborted = self._to_come.pop()
            self._aborting[aborted.producer_id] = aborted
