"""The transactional ids this broker coordinates: who owns each, and what it has under way.

The front of :mod:`broker_core.coordinator.transaction` for handlers. Every step is appended to the
log before it counts, and kept by every in-sync replica before it is answered; a decision before its
first marker. So a crash loses nothing that was answered: whoever loads a partition afterwards, on
this node or another, writes the markers of what was decided again. Markers carry the epoch in which
this node coordinates, so that those of a node that was replaced are refused. Authorization is the
handlers' matter. For the event loop.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import NamedTuple

import structlog

from broker_core.clock import Clock
from broker_core.coordinator.markers import MarkerWriter
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.coordinator.transaction import (
    NO_EPOCH,
    NO_PRODUCER,
    ProducerIdentity,
    TopicPartition,
    Transaction,
    TransactionState,
)
from broker_core.coordinator.transaction_ending import Endings
from broker_core.coordinator.transaction_store import TransactionStore
from broker_core.errors import (
    BrokerError,
    ConcurrentTransactions,
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    InvalidProducerIdMapping,
    InvalidRequest,
    InvalidTransactionTimeout,
    NotCoordinator,
    NotLeaderOrFollower,
    PolicyViolation,
)
from broker_core.replication.replica import Replica
from broker_core.settings import TransactionSettings

log = structlog.get_logger()

MAX_ID_BYTES = 1024
_MARKERS_SECONDS = 5.0  # after that a decision is answered though its markers are still to come


class Verified(NamedTuple):
    """What a coordinator knows of a producer's transaction.

    Attributes:
        coordinator_epoch: In which it coordinates.
        partitions: Those that the transaction has added, of those that were asked for.
    """

    coordinator_epoch: int
    partitions: frozenset[TopicPartition]


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
        self._producer_ids = producer_ids
        self._settings = settings
        self._clock = clock
        self._transactions: dict[str, Transaction] = {}
        self._being_kept: dict[str, asyncio.Future[None]] = {}
        self._endings = Endings(
            markers, lambda decided: self._append(decided.complete(now_ms=clock.now_ms()))
        )
        self._closed = False

    @property
    def transactions(self) -> Mapping[str, Transaction]:
        """Everything known, by transactional id."""
        return self._transactions

    def find(self, transactional_id: str) -> Transaction | None:
        """Return what an id has under way; None if nothing is known of it.

        Raises:
            CoordinatorNotAvailable, NotCoordinator, CoordinatorLoadInProgress: This node does not
                answer for the id.
        """
        self._store.coordinator_epoch(transactional_id)
        return self._transactions.get(transactional_id)

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
            NotCoordinator, CoordinatorLoadInProgress: This node does not answer for the id.
        """
        self._check_id(transactional_id, timeout_ms)
        epoch = self._store.coordinator_epoch(transactional_id)
        current = await self._begin_init(transactional_id, epoch)
        current.check_expected(expected)
        if current.state is TransactionState.ONGOING:
            current = self._abort(current)
            expected = None if expected is None else current.producer
        await self._ended(transactional_id)
        new_producer_id = None
        if self._current(transactional_id).needs_producer_id:
            new_producer_id = await self._allocate()
        self._check_same(transactional_id, epoch)
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
            NotCoordinator, CoordinatorLoadInProgress: This node does not answer for the id.
        """
        current = self._current(transactional_id)
        added = current.add_partitions(producer, partitions, now_ms=self._clock.now_ms())
        if added is not current:
            await self._write(added)
        else:
            await self._kept(transactional_id)

    async def end(
        self, transactional_id: str, producer: ProducerIdentity, *, committed: bool
    ) -> None:
        """Commit or abort; normally every reader can see that when this returns.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
            InvalidTxnState: There is no transaction, or it was decided otherwise.
            ConcurrentTransactions: It is being ended.
            CoordinatorNotAvailable: It could not be written.
            NotCoordinator, CoordinatorLoadInProgress: This node does not answer for the id.
        """
        current = self._current(transactional_id)
        decided = current.end(producer, committed=committed, now_ms=self._clock.now_ms())
        if decided is not current:
            await self._durable(self._decide(decided))
            await self._endings.wait(transactional_id, seconds=_MARKERS_SECONDS)

    async def verify(
        self,
        transactional_id: str,
        producer: ProducerIdentity,
        partitions: Iterable[TopicPartition],
    ) -> Verified:
        """Say to which of some partitions the producer may write in its transaction.

        Waits for what is being kept at the moment, and for nothing else.

        Raises:
            InvalidProducerIdMapping, ProducerFenced: It is not the newest incarnation.
            CoordinatorNotAvailable: What is known could not be kept.
            NotCoordinator, CoordinatorLoadInProgress: This node does not answer for the id.
        """
        await self._kept(transactional_id)
        writable = self._current(transactional_id).writable(producer, partitions)
        return Verified(self._store.coordinator_epoch(transactional_id), writable)

    # -- life

    async def load(self, replica: Replica) -> None:
        """Take over a partition of the topic that this node leads; go on with what was decided.

        Before anything else is done with it.

        Raises:
            BrokerError: It cannot be read.
        """
        shard = replica.log.partition
        self.unload(shard)
        found = await self._store.load(replica)
        self._transactions.update(found)
        for transaction in found.values():
            if transaction.state.is_ending:
                self._endings.start(transaction, replica.leader_epoch)
        log.info("transactions_loaded", partition=shard, transactional_ids=len(found))

    def unload(self, shard: int) -> None:
        """Forget a partition of the topic that another node leads now."""
        gone = [each for each in self._transactions if self._store.partition_of(each) == shard]
        self._endings.stop(gone)
        for transactional_id in gone:
            del self._transactions[transactional_id]
            self._being_kept.pop(transactional_id, None)

    async def run(self) -> None:
        """Abort what is ongoing for too long, forget what is not used; until cancelled."""
        while True:
            await asyncio.sleep(self._settings.check_interval.total_seconds())
            self.check()

    def check(self) -> None:
        """Look at everything once; what follows from it goes on in the background."""
        now_ms = self._clock.now_ms()
        unused_ms = now_ms - _ms(self._settings.id_expiry)
        for transaction in list(self._transactions.values()):
            try:
                if transaction.is_timed_out(now_ms):
                    self._abort(transaction)
                    log.info("transaction_timed_out", transactional_id=transaction.transactional_id)
                elif transaction.is_forgettable(unused_ms):
                    self._forget(transaction)
            except BrokerError as error:
                log.warning(
                    "transaction_check_failed",
                    transactional_id=transaction.transactional_id,
                    error=str(error),
                )

    async def close(self) -> None:
        """Begin nothing new; what is being ended goes on at the next start."""
        self._closed = True
        await self._endings.close()

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

    def _check_same(self, transactional_id: str, epoch: int) -> None:
        """Go on only if this node has coordinated without a break since a step began."""
        if self._store.coordinator_epoch(transactional_id) != epoch:
            raise NotCoordinator(f"{transactional_id} was coordinated elsewhere meanwhile")

    def _current(self, transactional_id: str) -> Transaction:
        if self._closed:
            raise CoordinatorNotAvailable("the broker is stopping")
        self._store.coordinator_epoch(transactional_id)  # raises where another node coordinates
        current = self._transactions.get(transactional_id)
        if current is None:
            raise InvalidProducerIdMapping(f"nobody has begun as {transactional_id}")
        return current

    async def _begin_init(self, transactional_id: str, epoch: int) -> Transaction:
        """Return what is known of the id; of a new one, that it has a producer id."""
        if transactional_id not in self._transactions:
            producer_id = await self._allocate()
            self._check_same(transactional_id, epoch)
            new = Transaction(
                transactional_id=transactional_id,
                producer=ProducerIdentity(producer_id, NO_EPOCH),
                timeout_ms=0,
                updated_ms=self._clock.now_ms(),
            )
            self._transactions.setdefault(transactional_id, new)
        await self._ended(transactional_id)
        self._check_same(transactional_id, epoch)
        return self._current(transactional_id)

    async def _allocate(self) -> int:
        try:
            return await self._producer_ids.allocate()
        except BrokerError as error:
            raise CoordinatorNotAvailable(str(error)) from error

    async def _ended(self, transactional_id: str) -> None:
        """Wait a while for the markers of what was decided."""
        if not await self._endings.wait(transactional_id, seconds=_MARKERS_SECONDS):
            raise ConcurrentTransactions(f"{transactional_id} is still being ended")

    def _abort(self, current: Transaction) -> Transaction:
        """Abort in the coordinator's name; return the state with the epoch that does it."""
        fenced = current.fence(now_ms=self._clock.now_ms())
        self._decide(fenced)
        return fenced

    def _decide(self, decided: Transaction) -> asyncio.Future[None]:
        """Append a decision and have its markers written once it is kept."""
        epoch = self._store.coordinator_epoch(decided.transactional_id)
        durable = self._append(decided)
        self._endings.start(decided, epoch, durable)
        return durable

    async def _write(self, transaction: Transaction) -> None:
        await self._durable(self._append(transaction))

    def _append(self, transaction: Transaction) -> asyncio.Future[None]:
        """Append a state; from now on it is the current one."""
        transactional_id = transaction.transactional_id
        try:
            durable = self._store.write(transaction)
        except BrokerError as error:
            raise _as_coordinator(error) from error
        self._being_kept[transactional_id] = durable

        def note(_: object) -> None:
            if self._being_kept.get(transactional_id) is durable:
                del self._being_kept[transactional_id]
            _note_failure(durable)  # its waiter may be gone by then

        durable.add_done_callback(note)
        self._transactions[transactional_id] = transaction
        return durable

    async def _kept(self, transactional_id: str) -> None:
        """Wait until what is known of an id cannot be lost any more."""
        while (durable := self._being_kept.get(transactional_id)) is not None:
            await self._durable(durable)
            await asyncio.sleep(0)  # for its note

    async def _durable(self, durable: asyncio.Future[None]) -> None:
        try:
            await asyncio.shield(durable)
        except BrokerError as error:
            raise _as_coordinator(error) from error

    def _forget(self, transaction: Transaction) -> None:
        durable = self._store.forget(transaction.transactional_id)
        durable.add_done_callback(_note_failure)
        del self._transactions[transaction.transactional_id]
        log.info("transactional_id_forgotten", transactional_id=transaction.transactional_id)


def _note_failure(durable: asyncio.Future[None]) -> None:
    if not durable.cancelled() and (error := durable.exception()) is not None:
        log.warning("transaction_not_durable", error=str(error))


def _as_coordinator(error: BrokerError) -> BrokerError:
    """What a client is told when a step could not be written or kept."""
    if isinstance(error, NotCoordinator | CoordinatorLoadInProgress):
        return error
    if isinstance(error, NotLeaderOrFollower):
        return NotCoordinator(str(error))
    return CoordinatorNotAvailable(str(error))


def _ms(duration: timedelta) -> int:
    return int(duration / timedelta(milliseconds=1))


def expected_producer(producer_id: int, epoch: int) -> ProducerIdentity | None:
    """Who an InitProducerId names (KIP-360); None if it names nobody."""
    if producer_id == NO_PRODUCER:
        return None
    return ProducerIdentity(producer_id, epoch)
