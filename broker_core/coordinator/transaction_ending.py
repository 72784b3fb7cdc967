"""Endings: transactions that are decided, until all of their markers are written.

A task for each; it waits until the decision is kept, brings the marker to every partition, again
and again where that fails, and has it noted that nothing is left to write. For the event loop.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator

import structlog

from broker_core.coordinator.markers import MarkerWriter, is_settled
from broker_core.coordinator.transaction import TopicPartition, Transaction, TransactionState
from broker_core.errors import BrokerError, NotEnoughReplicasAfterAppend
from broker_core.protocol.control_record import Marker

log = structlog.get_logger()

_SHORTEST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 1.0


class Endings:
    """The decided transactions of a node.

    Args:
        complete: Notes that a transaction has all of its markers; raises BrokerError if it cannot.
    """

    def __init__(self, markers: MarkerWriter, complete: Callable[[Transaction], object]) -> None:
        self._markers = markers
        self._complete = complete
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(
        self,
        decided: Transaction,
        coordinator_epoch: int,
        kept: "asyncio.Future[None] | None" = None,
    ) -> None:
        """Begin to end a transaction.

        Args:
            coordinator_epoch: In which this node decided it, or took it over.
            kept: Done once the decision cannot be lost; None if that is so by now.
        """
        transactional_id = decided.transactional_id
        work = self._end(decided, coordinator_epoch, kept)
        task = asyncio.create_task(work, name="transaction-end")
        self._tasks[transactional_id] = task

        def forget(_: object) -> None:
            if self._tasks.get(transactional_id) is task:
                del self._tasks[transactional_id]

        task.add_done_callback(forget)

    async def wait(self, transactional_id: str, *, seconds: float) -> bool:
        """Wait a while for an id's transaction to end; return whether none is being ended then."""
        task = self._tasks.get(transactional_id)
        if task is None:
            return True
        done, _ = await asyncio.wait([task], timeout=seconds)
        return bool(done)

    def stop(self, transactional_ids: Iterable[str]) -> None:
        """End these no further: whoever coordinates them now does."""
        for transactional_id in transactional_ids:
            task = self._tasks.pop(transactional_id, None)
            if task is not None:
                task.cancel()

    async def close(self) -> None:
        """Stop all of them."""
        tasks = list(self._tasks.values())
        self.stop(list(self._tasks))
        if tasks:
            await asyncio.wait(tasks)

    async def _end(
        self,
        decided: Transaction,
        coordinator_epoch: int,
        kept: "asyncio.Future[None] | None",
    ) -> None:
        try:
            if kept is not None:
                await _until(kept)
            await self._mark(decided, coordinator_epoch)
            await self._complete_it(decided)
        except BrokerError as error:  # whoever loads the partition next goes on from here
            log.error(
                "transaction_not_ended",
                transactional_id=decided.transactional_id,
                error=str(error),
            )

    async def _mark(self, decided: Transaction, coordinator_epoch: int) -> None:
        """Return once every partition has the marker, or needs none."""
        marker = Marker(
            producer_id=decided.producer.producer_id,
            producer_epoch=decided.producer.epoch,
            committed=decided.state is TransactionState.PREPARE_COMMIT,
            coordinator_epoch=coordinator_epoch,
        )
        remaining = decided.partitions
        complained: set[tuple[TopicPartition, type]] = set()
        for delay in _delays():
            failed = await self._markers.write(marker, remaining)
            news = {(partition, type(error)) for partition, error in failed.items()} - complained
            for partition, _ in sorted(news, key=str):
                log.warning(
                    "transaction_marker_failed",
                    transactional_id=decided.transactional_id,
                    partition=partition,
                    error=str(failed[partition]),
                )
            complained |= news
            remaining = frozenset(one for one, why in failed.items() if not is_settled(why))
            if not remaining:
                break
            await asyncio.sleep(delay)

    async def _complete_it(self, decided: Transaction) -> None:
        """Note that all markers are written; go on until it is noted, or this is stopped.

        A full disk may refuse it for a while, or a controller that is away: it may have elected
        another leader by then (who begins anew), and if not, this node is the leader it was.
        """
        complained: set[type] = set()
        for delay in _delays():
            try:
                self._complete(decided)
            except BrokerError as error:
                if type(error) not in complained:
                    log.warning(
                        "transaction_not_completed",
                        transactional_id=decided.transactional_id,
                        error=str(error),
                    )
                complained.add(type(error))
            else:
                return
            await asyncio.sleep(delay)


async def _until(kept: "asyncio.Future[None]") -> None:
    """Wait for a decision to be kept, be it by fewer replicas than are wanted."""
    try:
        await asyncio.shield(kept)
    except NotEnoughReplicasAfterAppend as error:
        log.warning("transaction_kept_by_few", error=str(error))


def _delays() -> Iterator[float]:
    """How long to wait before each further try; for ever."""
    delay = _SHORTEST_DELAY_SECONDS
    while True:
        yield delay
        delay = min(2 * delay, _LONGEST_DELAY_SECONDS)
