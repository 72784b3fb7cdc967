"""The transactional ids this broker coordinates: who owns each, and what it has under way.

The front of :mod:`broker_core.coordinator.transaction` for handlers. Every step is appended to the
log before it counts, and on disk before it is answered; a decision is on disk before its first
marker. So a crash loses nothing that was answered: whoever loads a partition afterwards writes the
markers of what was decided again. Authorization is the handlers' matter. For the event loop.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

import structlog

from broker_core.clock import Clock
from broker_core.coordinator.markers import MarkerWriter, is_settled
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.coordinator.transaction import (
    NO_EPOCH,
    NO_PRODUCER,
    ProducerIdentity,
    TopicPartition,
    Transaction,
    TransactionState,
)
from broker_core.coordinator.transaction_store import TransactionStore
from broker_core.errors import (
    BrokerError,
    ConcurrentTransactions,
    CoordinatorNotAvailable,
    InvalidProducerIdMapping,
    InvalidRequest,
    InvalidTransactionTimeout,
    PolicyViolation,
)
from broker_core.protocol.control_record import Marker
from broker_core.settings import TransactionSettings

log = structlog.get_logger()

MAX_ID_BYTES = 1024
_MARKERS_SECONDS = 5.0  # after that a decision is answered though its markers are still to come
_SHORTEST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 10.0


class TransactionRegistry:
    """Every transactional id of the partitions that were loaded."""

    def __init__(
        self,
        store: TransactionStore,
        markers: MarkerWriter,
        producer_ids: ProducerIds,
        settings: TransactionSettings,
        clock: Clock,
    ) -> None:
        self._store = store
        self._markers = markers
        self._producer_ids = producer_ids
        self._settings = settings
        self._clock = clock
        self._transactions: dict[str, Transaction] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    @property
    def transactions(self) -> Mapping[str, Transaction]:
        """Everything known, by transactional id."""
        return self._transactions

    # -- what producers ask for

    async def init_producer(
        self, transactional_id: str, expected: ProducerIdentity | None, timeout_ms: int
    ) -> ProducerIdentity:
        """Give a producer the next epoch; what another began under the id is aborted first.

        Raises:
            InvalidRequest, InvalidTransactionTimeout, PolicyViolation: Not with these arguments.
            ProducerFenced: The producer is not the newest incarnation.
            ConcurrentTransactions: What is under way has not ended in time.
            CoordinatorNotAvailable: It could not be written.
        """
        self._check_id(transactional_id, timeout_ms)
        current = await self._begin_init(transactional_id)
        current.check_expected(expected)
        if current.state is TransactionState.ONGOING:
            current = await self._abort(current)
            expected = None if expected is None else current.producer
        await self._ended(transactional_id)
        new_producer_id = None
        if self._current(transactional_id).needs_producer_id:
            new_producer_id = await self._allocate()
        begun = self._current(transactional_id).init_producer(
            expected,
            timeout_ms=timeout_ms,
            now_ms=self._clock.now_ms(),
            new_producer_id=new_producer_id,
        )
        await self._write(begun)
        return begun.producer

    async def add_partitions(
        self,
        transactional_id: str,
        producer: ProducerIdentity,
        partitions: Iterable[TopicPartition],
    ) -> None:
        """Let the producer write to partitions in its transaction, which may begin with that.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
            ConcurrentTransactions: The transaction before is still being ended.
            CoordinatorNotAvailable: It could not be written.
        """
        current = self._current(transactional_id)
        added = current.add_partitions(producer, partitions, now_ms=self._clock.now_ms())
        if added is not current:
            await self._write(added)

    async def end(
        self, transactional_id: str, producer: ProducerIdentity, *, committed: bool
    ) -> None:
        """Commit or abort; normally every reader can see that when this returns.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
            InvalidTxnState: There is no transaction, or it was decided otherwise.
            ConcurrentTransactions: It is being ended.
            CoordinatorNotAvailable: It could not be written.
        """
        current = self._current(transactional_id)
        decided = current.end(producer, committed=committed, now_ms=self._clock.now_ms())
        if decided is not current:
            await self._decide(decided)
            await asyncio.wait([self._ending_of(transactional_id)], timeout=_MARKERS_SECONDS)

    def check_writing(
        self, transactional_id: str, producer: ProducerIdentity, partition: TopicPartition
    ) -> None:
        """Judge whether the producer may write to a partition in its transaction.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
            InvalidTxnState: No transaction is ongoing, or the partition is no part of it.
        """
        self._current(transactional_id).check_writing(producer, partition)

    # -- life

    async def load(self, partition: int) -> None:
        """Take over a partition of the topic that this node leads; go on with what was decided.

        Before anything else is done with it.
        """
        found = await asyncio.to_thread(self._store.load, partition)
        self._transactions.update(found)
        for transaction in found.values():
            if transaction.state.is_ending:
                self._start_ending(transaction)
        log.info("transactions_loaded", partition=partition, transactional_ids=len(found))

    async def run(self) -> None:
        """Abort what is ongoing for too long, forget what is not used; until cancelled."""
        while True:
            await asyncio.sleep(self._settings.check_interval.total_seconds())
            await self.check()

    async def check(self) -> None:
        """Look at everything once."""
        now_ms = self._clock.now_ms()
        unused_ms = now_ms - _ms(self._settings.id_expiry)
        for transaction in list(self._transactions.values()):
            try:
                if transaction.is_timed_out(now_ms):
                    log.info("transaction_timed_out", transactional_id=transaction.transactional_id)
                    await self._abort(transaction)
                elif transaction.is_forgettable(unused_ms):
                    await self._forget(transaction)
            except BrokerError as error:
                log.warning(
                    "transaction_check_failed",
                    transactional_id=transaction.transactional_id,
                    error=str(error),
                )

    async def close(self) -> None:
        """Begin nothing new; what is being ended goes on at the next start."""
        self._closed = True
        ending = list(self._ending.values())
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    # -- inside

    def _check_id(self, transactional_id: str, timeout_ms: int) -> None:
        if not 1 <= len(transactional_id.encode()) <= MAX_ID_BYTES:
            raise InvalidRequest(f"a transactional id has 1 to {MAX_ID_BYTES} bytes")
        longest_ms = _ms(self._settings.max_timeout)
        if not 0 < timeout_ms <= longest_ms:
            raise InvalidTransactionTimeout(f"{timeout_ms} ms, at most {longest_ms} are allowed")
        is_new = transactional_id not in self._transactions
        if is_new and len(self._transactions) >= self._settings.max_transactional_ids:
            log.warning("transactional_id_refused", reason="max_transactional_ids")
            raise PolicyViolation("there are as many transactional ids as may be")

    def _current(self, transactional_id: str) -> Transaction:
        if self._closed:
            raise CoordinatorNotAvailable("the broker is stopping")
        current = self._transactions.get(transactional_id)
        if current is None:
            raise InvalidProducerIdMapping(f"nobody has begun as {transactional_id}")
        return current

    async def _begin_init(self, transactional_id: str) -> Transaction:
        """Return what is known of the id; of a new one, that it has a producer id."""
        if transactional_id not in self._transactions:
            producer_id = await self._allocate()
            new = Transaction(
                transactional_id=transactional_id,
                producer=ProducerIdentity(producer_id, NO_EPOCH),
                timeout_ms=0,
                updated_ms=self._clock.now_ms(),
            )
            self._transactions.setdefault(transactional_id, new)
        await self._ended(transactional_id)
        return self._current(transactional_id)

    async def _allocate(self) -> int:
        try:
            return await self._producer_ids.allocate()
        except BrokerError as error:
            raise CoordinatorNotAvailable(str(error)) from error

    async def _ended(self, transactional_id: str) -> None:
        """Wait a while for the markers of what was decided."""
        ending = self._ending.get(transactional_id)
        if ending is None:
            return
        done, _ = await asyncio.wait([ending], timeout=_MARKERS_SECONDS)
        if not done:
            raise ConcurrentTransactions(f"{transactional_id} is still being ended")

    async def _abort(self, current: Transaction) -> Transaction:
        """Abort in the coordinator's name; return the state with the epoch that does it."""
        fenced = current.fence(now_ms=self._clock.now_ms())
        await self._decide(fenced)
        return fenced

    async def _decide(self, decided: Transaction) -> None:
        durable = self._append(decided)
        self._start_ending(decided, durable)
        await self._durable(durable)

    async def _write(self, transaction: Transaction) -> None:
        await self._durable(self._append(transaction))

    def _append(self, transaction: Transaction) -> asyncio.Future[None]:
        """Append a state; from now on it is the current one."""
        try:
            durable = self._store.write(transaction)
        except BrokerError as error:
            raise CoordinatorNotAvailable(str(error)) from error
        durable.add_done_callback(_note_failure)  # its waiter may be gone by then
        self._transactions[transaction.transactional_id] = transaction
        return durable

    async def _durable(self, durable: asyncio.Future[None]) -> None:
        try:
            await asyncio.shield(durable)
        except BrokerError as error:
            raise CoordinatorNotAvailable(str(error)) from error

    async def _forget(self, transaction: Transaction) -> None:
        durable = self._store.forget(transaction.transactional_id)
        del self._transactions[transaction.transactional_id]
        await durable
        log.info("transactional_id_forgotten", transactional_id=transaction.transactional_id)

    def _ending_of(self, transactional_id: str) -> asyncio.Task[None]:
        """The task that writes the markers; one that is done if they are written."""
        return self._ending.get(transactional_id) or asyncio.create_task(_nothing())

    def _start_ending(
        self, decided: Transaction, durable: asyncio.Future[None] | None = None
    ) -> None:
        task = asyncio.create_task(self._end(decided, durable), name="transaction-end")
        self._ending[decided.transactional_id] = task
        task.add_done_callback(lambda _: self._ending.pop(decided.transactional_id, None))

    async def _end(self, decided: Transaction, durable: asyncio.Future[None] | None) -> None:
        """Write every marker, then that there are no more to write."""
        try:
            if durable is not None:
                await asyncio.shield(durable)
            await self._mark(decided)
            for delay in _delays():
                if self._is_completed(decided):
                    break
                await asyncio.sleep(delay)
        except BrokerError as error:  # out of service: the next start goes on from here
            log.error(
                "transaction_not_ended",
                transactional_id=decided.transactional_id,
                error=str(error),
            )

    async def _mark(self, decided: Transaction) -> None:
        marker = Marker(
            producer_id=decided.producer.producer_id,
            producer_epoch=decided.producer.epoch,
            committed=decided.state is TransactionState.PREPARE_COMMIT,
            coordinator_epoch=self._store.leader_epoch(decided.transactional_id),
        )
        remaining = decided.partitions
        for delay in _delays():
            failed = await self._markers.write(marker, remaining)
            for partition, error in failed.items():
                log.warning(
                    "transaction_marker_failed",
                    transactional_id=decided.transactional_id,
                    partition=partition,
                    error=str(error),
                )
            remaining = frozenset(one for one, why in failed.items() if not is_settled(why))
            if not remaining:
                break
            await asyncio.sleep(delay)

    def _is_completed(self, decided: Transaction) -> bool:
        """Append that all markers are written; a full disk may refuse that for a while."""
        try:
            self._append(decided.complete(now_ms=self._clock.now_ms()))
        except BrokerError as error:
            log.warning(
                "transaction_not_completed",
                transactional_id=decided.transactional_id,
                error=str(error),
            )
            return False
        return True


def _delays() -> Iterator[float]:
    """How long to wait before each further try; for ever."""
    delay = _SHORTEST_DELAY_SECONDS
    while True:
        yield delay
        delay = min(2 * delay, _LONGEST_DELAY_SECONDS)


async def _nothing() -> None:
    return


def _note_failure(durable: asyncio.Future[None]) -> None:
    if not durable.cancelled() and (error := durable.exception()) is not None:
        log.warning("transaction_not_durable", error=str(error))


def _ms(duration: timedelta) -> int:
    return int(duration / timedelta(milliseconds=1))


def expected_producer(producer_id: int, epoch: int) -> ProducerIdentity | None:
    """Who an InitProducerId names (KIP-360); None if it names nobody."""
    if producer_id == NO_PRODUCER:
        return None
    return ProducerIdentity(producer_id, epoch)
