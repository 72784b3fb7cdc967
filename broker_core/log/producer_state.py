"""Producers that write exactly once: epoch, last five batches and open transaction (KIP-98).

A producer numbers its records per partition. What repeats one of its last five batches is a
retry and is answered with the first answer's offsets; what leaves a gap is refused. The state is
part of the log: a snapshot of it lies beside each segment, and replaying the batches after a
snapshot restores it, so that a retry after a crash is recognised.

A gap that the node itself has made, because it refused a batch for reasons that pass and took the
next one of the pipeline, is not the producer's mistake: that one is to be sent again, too, and not
called out of order, as Apache Kafka does. librdkafka begins a new epoch then, for all partitions at
once, and numbers anew what others may have written: those records are in the log twice.

As in Apache Kafka, a producer of which nothing is known (it was silent for longer than
``producer_expiry``) may begin at any sequence, and UNKNOWN_PRODUCER_ID is never answered.

Format: FORMAT.md, "Producer snapshot". Pure: time comes as an argument. For the event loop.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from broker_core.errors import (
    ConcurrentTransactions,
    InvalidProducerEpoch,
    InvalidTxnState,
    NotEnoughReplicas,
    OutOfOrderSequence,
    TransactionCoordinatorFenced,
)
from broker_core.log import producer_snapshot
from broker_core.log.open_transactions import NOWHERE, OpenTransactions
from broker_core.log.producer_snapshot import Producer, Snapshot, WrittenBatch
from broker_core.log.transaction_index import AbortedTransaction
from broker_core.protocol.control_record import Marker
from broker_core.protocol.record_batch import BatchHeader

REMEMBERED_BATCHES = 5  # max.in.flight.requests.per.connection of an idempotent producer
MAX_PRODUCERS = 100_000  # ids are the client's word; the one silent for longest makes room

_SEQUENCES = 1 << 31
_MAX_REFUSALS = 1000  # remembered at once, for as many producers


@dataclass(slots=True)
class _Refusal:
    """The batch that its producer must send again before any other.

    Attributes:
        excused: How many behind it were refused for its sake.
    """

    epoch: int
    sequence: int
    excused: int = 0


class ProducerState:
    """The producers of one partition that have an id.

    Attributes:
        transactions: Those of them that are undecided.
    """

    def __init__(self) -> None:
        self._producers: OrderedDict[int, Producer] = OrderedDict()
        self._verifying: dict[int, object] = {}
        self._refusals: dict[int, _Refusal] = {}
        self.transactions = OpenTransactions()

    def __len__(self) -> int:
        return len(self._producers)

    @property
    def by_id(self) -> Mapping[int, Producer]:
        """Every producer by its id, the longest silent first."""
        return self._producers

    # -- before something is appended

    def check(self, header: BatchHeader) -> WrittenBatch | None:
        """Judge a batch of an idempotent producer before it is appended.

        Returns:
            The batch it repeats; None if it is new and in order.

        Raises:
            InvalidProducerEpoch: A newer incarnation of the producer has written.
            OutOfOrderSequence: It neither follows the last batch nor repeats a recent one.
            NotEnoughReplicas: It follows one that was refused, see :meth:`refused`.
            InvalidTxnState: Its transaction is open and this batch is not part of it.
        """
        known = self._producers.get(header.producer_id)
        if known is None:
            self._excuse(header)
            return None
        _check_epoch(header.producer_id, header.producer_epoch, known.epoch)
        sequence = header.base_sequence
        if header.producer_epoch > known.epoch:
            if sequence != 0:
                self._excuse(header)
                raise OutOfOrderSequence(
                    f"producer {header.producer_id} begins epoch {header.producer_epoch} "
                    f"at sequence {sequence}, not 0"
                )
            return None
        expected = _next_sequence(known)
        if sequence != expected:
            repeated = self.repeated(header)
            if repeated is not None:
                return repeated
            self._excuse(header)
            raise OutOfOrderSequence(
                f"producer {header.producer_id} sends sequence {sequence}, {expected} is next"
            )
        if header.producer_id in self.transactions and not header.is_transactional:
            raise InvalidTxnState(
                f"producer {header.producer_id} writes outside of its open transaction"
            )
        return None

    def repeated(self, header: BatchHeader) -> WrittenBatch | None:
        """Return the one of its producer's last batches that a batch repeats, if it does."""
        known = self._producers.get(header.producer_id)
        if known is None or known.epoch != header.producer_epoch:
            return None
        sequences = (header.base_sequence, header.last_sequence)
        for batch in known.batches:
            if (batch.base_sequence, batch.last_sequence) == sequences:
                return batch
        return None

    def begin_verification(self, producer_id: int) -> object:
        """Return a token that counts until the next marker of the producer.

        Whoever asks the coordinator of a producer whether its transaction may begin here takes it
        before, and shows it to :meth:`check_verified` with the answer: it may be about a
        transaction that has got its marker meanwhile.
        """
        return self._verifying.setdefault(producer_id, object())

    def check_verified(self, producer_id: int, token: object, coordinator_epoch: int) -> None:
        """Judge a coordinator's word that a transaction of the producer may begin here.

        Raises:
            ConcurrentTransactions: It is out of date.
        """
        known = self._producers.get(producer_id)
        seen = -1 if known is None else known.coordinator_epoch
        if self._verifying.get(producer_id) is not token or coordinator_epoch < seen:
            raise ConcurrentTransactions(f"producer {producer_id} has ended a transaction since")

    def end_verification(self, producer_id: int) -> None:
        """Let no token for the producer count any more."""
        self._verifying.pop(producer_id, None)

    def check_epoch(self, producer_id: int, epoch: int) -> None:
        """Judge what a coordinator writes for a producer: it has no sequence.

        Raises:
            InvalidProducerEpoch: A newer incarnation of the producer has written.
        """
        known = self._producers.get(producer_id)
        if known is not None:
            _check_epoch(producer_id, epoch, known.epoch)

    def check_marker(self, marker: Marker) -> None:
        """Judge the end of a transaction before it is appended.

        Raises:
            InvalidProducerEpoch: A newer incarnation of the producer has written.
            TransactionCoordinatorFenced: A newer coordinator has decided over the producer.
        """
        self.check_epoch(marker.producer_id, marker.producer_epoch)
        known = self._producers.get(marker.producer_id)
        if known is not None and marker.coordinator_epoch < known.coordinator_epoch:
            raise TransactionCoordinatorFenced(
                f"coordinator epoch {marker.coordinator_epoch}, "
                f"the partition has seen {known.coordinator_epoch}"
            )

    def refused(self, header: BatchHeader) -> None:
        """Remember that a batch was refused for reasons that pass; those behind it wait for it.

        A new producer's first one is remembered for longer: else another might be taken for the
        continuation of a producer that is forgotten, and the first could not be sent again.
        """
        producer_id, epoch, sequence = (
            header.producer_id,
            header.producer_epoch,
            header.base_sequence,
        )
        if producer_id < 0 or sequence < 0:
            return
        if sequence == 0 and producer_id not in self._producers:
            self._of(producer_id, epoch)
        if self._waits_behind(header) is None and self._is_next(header):
            self._refusals.pop(producer_id, None)
            self._refusals[producer_id] = _Refusal(epoch, sequence)
            if len(self._refusals) > _MAX_REFUSALS:
                del self._refusals[next(iter(self._refusals))]

    def _is_next(self, header: BatchHeader) -> bool:
        """Whether a batch is in order."""
        known = self._producers.get(header.producer_id)
        if known is None:
            return True
        if known.epoch != header.producer_epoch:
            return header.producer_epoch > known.epoch and header.base_sequence == 0
        return header.base_sequence == _next_sequence(known)

    def _waits_behind(self, header: BatchHeader) -> _Refusal | None:
        """Return the refusal of an earlier batch that this one follows, if there is one."""
        refusal = self._refusals.get(header.producer_id)
        if refusal is None or refusal.epoch != header.producer_epoch:
            return None
        behind = (header.base_sequence - refusal.sequence) % _SEQUENCES
        return refusal if 0 < behind < _SEQUENCES // 2 else None

    def _excuse(self, header: BatchHeader) -> None:
        """Have a batch sent again that was in a pipeline behind one that was refused.

        Raises:
            NotEnoughReplicas: It was.
        """
        refusal = self._waits_behind(header)
        if refusal is not None and refusal.excused < REMEMBERED_BATCHES - 1:
            refusal.excused += 1
            raise NotEnoughReplicas(
                f"producer {header.producer_id} has to send sequence {refusal.sequence} again first"
            )

    # -- when it is appended, and when the log is replayed

    def record(self, header: BatchHeader, base_offset: int, timestamp_ms: int) -> None:
        """Remember a batch that was appended at ``base_offset``.

        Args:
            timestamp_ms: When it was written, for :meth:`expire` and for answers to retries.
        """
        known = self._producers.get(header.producer_id)
        if known is None or known.epoch != header.producer_epoch:
            known = self._of(header.producer_id, header.producer_epoch)
        else:
            self._producers.move_to_end(header.producer_id)
        self._refusals.pop(header.producer_id, None)
        known.written_ms = timestamp_ms
        if header.base_sequence >= 0:
            batch = WrittenBatch(
                header.base_sequence,
                header.last_sequence,
                base_offset,
                base_offset + header.last_offset_delta,
                timestamp_ms,
            )
            known.batches.append(batch)
            if len(known.batches) > REMEMBERED_BATCHES:
                del known.batches[0]
        if header.is_transactional:
            self.transactions.begin(header.producer_id, base_offset)
            self.end_verification(header.producer_id)

    def end(self, marker: Marker, offset: int, timestamp_ms: int) -> AbortedTransaction | None:
        """Remember a marker that was appended at ``offset``; return what it aborted, if it did."""
        known = self._of(marker.producer_id, marker.producer_epoch)
        known.written_ms = timestamp_ms
        known.coordinator_epoch = max(known.coordinator_epoch, marker.coordinator_epoch)
        self.end_verification(marker.producer_id)
        first_offset = self.transactions.end(marker.producer_id, offset)
        if first_offset is None or marker.committed:
            return None
        undecided = self.transactions.first_undecided
        last_stable_offset = offset + 1 if undecided == NOWHERE else undecided
        return AbortedTransaction(marker.producer_id, first_offset, offset, last_stable_offset)

    def expire(self, before_ms: int) -> None:
        """Forget every producer silent since before this time that has no open transaction."""
        silent = takewhile(lambda one: one[1].written_ms < before_ms, self._producers.items())
        for producer_id, _ in list(silent):
            if producer_id not in self.transactions:
                del self._producers[producer_id]

    # -- snapshots

    def encode(self) -> bytes:
        """Return the content of a snapshot file."""
        return producer_snapshot.encode(Snapshot(self._producers, self.transactions.by_producer))

    @classmethod
    def decode(cls, data: bytes) -> "ProducerState | None":
        """Return the state of a snapshot, or None if the bytes are not one."""
        snapshot = producer_snapshot.decode(data)
        if snapshot is None:
            return None
        state = cls()
        state._producers.update(snapshot.producers)
        for offset, producer_id in sorted((at, who) for who, at in snapshot.transactions.items()):
            state.transactions.begin(producer_id, offset)
        return state

    # -- inside

    def _of(self, producer_id: int, epoch: int) -> Producer:
        """Return what is known of the producer, nothing if it comes with another epoch."""
        known = self._producers.get(producer_id)
        if known is None or known.epoch != epoch:
            coordinator_epoch = -1 if known is None else known.coordinator_epoch
            known = self._producers[producer_id] = Producer(epoch, coordinator_epoch)
            if len(self._producers) > MAX_PRODUCERS:
                self._make_room()
        self._producers.move_to_end(producer_id)
        return known

    def _make_room(self) -> None:
        silent = (one for one in self._producers if one not in self.transactions)
        del self._producers[next(silent)]


def _next_sequence(known: Producer) -> int:
    return (known.batches[-1].last_sequence + 1) % _SEQUENCES if known.batches else 0


def _check_epoch(producer_id: int, epoch: int, known_epoch: int) -> None:
    if epoch < known_epoch:
        raise InvalidProducerEpoch(
            f"producer {producer_id} writes with epoch {epoch}, "
            f"the partition has seen {known_epoch}"
        )
