"""One transactional id's state machine (KIP-98, KIP-360, KIP-447). Pure.

A value per state; every step returns the next value, which the registry writes to
``__transaction_state`` before anything follows from it::

    EMPTY ──add_partitions──▶ ONGOING ──end──▶ PREPARE_COMMIT ──complete──▶ COMPLETE_COMMIT
      ▲                         │  └──end, fence──▶ PREPARE_ABORT ──complete──▶ COMPLETE_ABORT
      └──init_producer── from EMPTY and both COMPLETE states; add_partitions likewise

Zombies are fenced by the producer epoch: whoever begins anew gets the next one, and a transaction
that the coordinator aborts by itself is ended with an epoch that no client was given. DEAD is the
state of an id that is being forgotten.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from broker_core.errors import (
    ConcurrentTransactions,
    InvalidProducerIdMapping,
    InvalidTxnState,
    ProducerFenced,
)

TopicPartition = tuple[str, int]

NO_PRODUCER = -1
NO_EPOCH = -1
LAST_GIVEN_EPOCH = 2**15 - 2  # the one after it is for the coordinator's own aborts


class TransactionState(Enum):
    """Kafka's states: their number in records, and their name in answers."""

    EMPTY = 0, "Empty"
    ONGOING = 1, "Ongoing"
    PREPARE_COMMIT = 2, "PrepareCommit"
    PREPARE_ABORT = 3, "PrepareAbort"
    COMPLETE_COMMIT = 4, "CompleteCommit"
    COMPLETE_ABORT = 5, "CompleteAbort"
    DEAD = 6, "Dead"

    def __init__(self, number: int, title: str) -> None:
        self.number = number
        self.title = title

    @property
    def is_ending(self) -> bool:
        """Whether it is decided and its markers are being written."""
        return self in (TransactionState.PREPARE_COMMIT, TransactionState.PREPARE_ABORT)


@dataclass(frozen=True, slots=True)
class ProducerIdentity:
    """A producer id and the epoch of one incarnation of it."""

    producer_id: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """What is known of one transactional id.

    Attributes:
        producer: Who may act under the id; epoch -1 before anybody was given one.
        last_producer: Who that was before the same client asked for the next epoch (KIP-360), so
            that it can ask again; None once somebody else has begun.
        timeout_ms: How long a transaction may be ongoing.
        partitions: What the transaction writes to, or must still get its marker.
        started_ms: When the transaction began; -1 if there is none.
        updated_ms: When the state last changed.
    """

    transactional_id: str
    producer: ProducerIdentity
    timeout_ms: int
    updated_ms: int
    last_producer: ProducerIdentity | None = None
    state: TransactionState = TransactionState.EMPTY
    partitions: frozenset[TopicPartition] = frozenset()
    started_ms: int = -1

    @property
    def needs_producer_id(self) -> bool:
        """Whether the next incarnation cannot be told apart by another epoch."""
        return self.producer.epoch >= LAST_GIVEN_EPOCH

    @property
    def is_unused(self) -> bool:
        """Whether nobody has been given an epoch yet: the id is only being begun."""
        return self.producer.epoch == NO_EPOCH

    def runs_for_longer(self, duration_ms: int, now_ms: int) -> bool:
        """Whether a transaction is under way, and began longer than that ago."""
        return self.started_ms >= 0 and now_ms - self.started_ms > duration_ms

    def is_timed_out(self, now_ms: int) -> bool:
        """Whether the transaction is ongoing for longer than its producer allowed."""
        is_ongoing = self.state is TransactionState.ONGOING
        return is_ongoing and now_ms - self.started_ms > self.timeout_ms

    def is_forgettable(self, before_ms: int) -> bool:
        """Whether nothing is under way and nothing has happened since ``before_ms``."""
        is_idle = self.state is not TransactionState.ONGOING and not self.state.is_ending
        return is_idle and self.updated_ms < before_ms

    # -- steps that producers ask for

    def check_expected(self, expected: ProducerIdentity | None) -> None:
        """Judge who asks for the next epoch: anybody new, or who has the newest one.

        Raises:
            ProducerFenced: Somebody else has begun since.
        """
        is_retry = expected == self.last_producer and self.state is not TransactionState.ONGOING
        is_first = self.producer.epoch == NO_EPOCH
        if expected is not None and expected != self.producer and not (is_retry or is_first):
            raise ProducerFenced(f"{self.transactional_id} belongs to {self.producer}")

    def init_producer(
        self,
        expected: ProducerIdentity | None,
        *,
        timeout_ms: int,
        now_ms: int,
        new_producer_id: int | None = None,
    ) -> "Transaction":
        """Let a producer begin, with the next epoch; its transaction, if any, has ended.

        Args:
            expected: Who the producer says it is; None for one that has just started.
            new_producer_id: Needed if :attr:`needs_producer_id`.

        Raises:
            ProducerFenced: It is not the newest incarnation.
            ConcurrentTransactions: A transaction is ongoing or being ended.
        """
        self.check_expected(expected)
        if self.state is TransactionState.ONGOING or self.state.is_ending:
            raise ConcurrentTransactions(f"{self.transactional_id} is {self.state.title}")
        producer, last = self.producer, self.last_producer
        if expected is None or expected != self.last_producer:
            last = None if expected is None or producer.epoch == NO_EPOCH else producer
            producer = ProducerIdentity(producer.producer_id, producer.epoch + 1)
            if self.needs_producer_id:
                assert new_producer_id is not None
                producer = ProducerIdentity(new_producer_id, 0)
        return replace(
            self,
            producer=producer,
            last_producer=last,
            timeout_ms=timeout_ms,
            state=TransactionState.EMPTY,
            partitions=frozenset(),
            started_ms=-1,
            updated_ms=now_ms,
        )

    def add_partitions(
        self, producer: ProducerIdentity, partitions: Iterable[TopicPartition], *, now_ms: int
    ) -> "Transaction":
        """Let the transaction write to more partitions; begin it if there is none.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
            ConcurrentTransactions: The transaction before is still being ended.
        """
        self._check_producer(producer)
        if self.state.is_ending:
            raise ConcurrentTransactions(f"{self.transactional_id} is {self.state.title}")
        if self.state is not TransactionState.ONGOING:
            return replace(
                self,
                state=TransactionState.ONGOING,
                partitions=frozenset(partitions),
                started_ms=now_ms,
                updated_ms=now_ms,
            )
        added = self.partitions | frozenset(partitions)
        if added == self.partitions:
            return self
        return replace(self, partitions=added, updated_ms=now_ms)

    def end(self, producer: ProducerIdentity, *, committed: bool, now_ms: int) -> "Transaction":
        """Decide the transaction; returns itself if it was decided and ended so before.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
            InvalidTxnState: There is none, or it was decided otherwise.
            ConcurrentTransactions: It was decided so, and its markers are being written.
        """
        self._check_producer(producer)
        if self.state is TransactionState.ONGOING:
            return self._decided(committed=committed, now_ms=now_ms)
        if self.state is _complete(committed):
            return self
        if self.state is _prepare(committed):
            raise ConcurrentTransactions(f"{self.transactional_id} is {self.state.title}")
        raise InvalidTxnState(f"{self.transactional_id} is {self.state.title}")

    def writable(
        self, producer: ProducerIdentity, partitions: Iterable[TopicPartition]
    ) -> frozenset[TopicPartition]:
        """Return those of some partitions that the ongoing transaction has added; none without it.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
        """
        self._check_producer(producer)
        if self.state is not TransactionState.ONGOING:
            return frozenset()
        return self.partitions.intersection(partitions)

    # -- the coordinator's own steps

    def fence(self, *, now_ms: int) -> "Transaction":
        """Abort an ongoing transaction whose producer timed out or was replaced."""
        assert self.state is TransactionState.ONGOING
        producer = ProducerIdentity(self.producer.producer_id, self.producer.epoch + 1)
        aborted = self._decided(committed=False, now_ms=now_ms)
        return replace(aborted, producer=producer, last_producer=None)

    def complete(self, *, now_ms: int) -> "Transaction":
        """Say that every partition has its marker."""
        assert self.state.is_ending
        return replace(
            self,
            state=_complete(self.state is TransactionState.PREPARE_COMMIT),
            partitions=frozenset(),
            started_ms=-1,
            updated_ms=now_ms,
        )

    def _decided(self, *, committed: bool, now_ms: int) -> "Transaction":
        return replace(self, state=_prepare(committed), updated_ms=now_ms)

    def _check_producer(self, producer: ProducerIdentity) -> None:
        if producer.producer_id != self.producer.producer_id:
            raise InvalidProducerIdMapping(
                f"{self.transactional_id} belongs to producer id {self.producer.producer_id}"
            )
        if producer.epoch != self.producer.epoch:
            raise ProducerFenced(f"{self.transactional_id} has epoch {self.producer.epoch}")


def _prepare(committed: bool) -> TransactionState:
    return TransactionState.PREPARE_COMMIT if committed else TransactionState.PREPARE_ABORT


def _complete(committed: bool) -> TransactionState:
    return TransactionState.COMPLETE_COMMIT if committed else TransactionState.COMPLETE_ABORT
