"""Transactions as records of the compacted topic ``__transaction_state``. For the event loop.

A node coordinates the transactional ids of the partitions of that topic that it leads: it reads
a partition from its beginning when it begins to lead it.
"""

import asyncio
import contextlib

import structlog

from broker_core.clock import Clock
from broker_core.coordinator.shards import INTERNAL_CONFIG, Shards, shard_of
from broker_core.coordinator.transaction import Transaction
from broker_core.coordinator.transaction_records import (
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from broker_core.errors import (
    CoordinatorNotAvailable,
    CorruptMessage,
    NotEnoughReplicasAfterAppend,
    StorageError,
)
from broker_core.log.file_layout import TRANSACTION_STATE
from broker_core.log.log_directory import LogDirectory
from broker_core.protocol.record_batch import Record, build_batch, read_batches, read_records
from broker_core.replication.replica import Replica

log = structlog.get_logger()

_READ_BYTES = 256 << 10


def make_topic(logs: LogDirectory, partitions: int) -> int:
    """Make the topic of a node that is alone, if it is not there; blocks.

    Args:
        partitions: How many it gets when it is made; later its own number stands.

    Returns:
        How many it has.
    """
    topic = logs.topics().get(TRANSACTION_STATE)
    if topic is None:
        topic = logs.create_topic(TRANSACTION_STATE, partitions, INTERNAL_CONFIG)
    return topic.partitions


class TransactionStore:
    """Where transactions are remembered.

    Args:
        shards: The partitions of the topic that this node has read.
    """

    def __init__(self, shards: Shards, clock: Clock) -> None:
        self._shards = shards
        self._clock = clock

    def partition_of(self, transactional_id: str) -> int:
        """The partition that remembers a transactional id.

        Raises:
            CoordinatorNotAvailable: The topic is not there.
        """
        if not self._shards.count:
            raise CoordinatorNotAvailable(f"{TRANSACTION_STATE} is not there")
        return shard_of(transactional_id, self._shards.count)

    def coordinator_epoch(self, transactional_id: str) -> int:
        """Epoch of this node's leadership over the id, which its markers carry.

        Raises:
            CoordinatorNotAvailable, NotCoordinator, CoordinatorLoadInProgress: It has none.
        """
        return self._replica(transactional_id).leader_epoch

    def write(self, transaction: Transaction) -> asyncio.Future[None]:
        """Append the newest state of a transactional id; await the result to have it kept.

        It is kept once every in-sync replica has it: what a node writes that leads no more, and
        does not know it yet, never is.

        Raises:
            CoordinatorNotAvailable, NotCoordinator, CoordinatorLoadInProgress: Not by this node.
            NotEnoughReplicas, StorageError: It was not appended.
        """
        return self._append(transaction.transactional_id, encode_value(transaction))

    def forget(self, transactional_id: str) -> asyncio.Future[None]:
        """Append that a transactional id is forgotten; raises and returns as :meth:`write` does."""
        return self._append(transactional_id, None)

    async def load(self, replica: Replica) -> dict[str, Transaction]:
        """Return the newest state of every id in a partition that this node leads, in pieces.

        What was read is kept by every in-sync replica when this returns: a decision that only this
        node has must have no consequences, because the next leader would decide anew.

        Raises:
            BrokerError: It cannot be read.
        """
        found: dict[str, Transaction] = {}
        offset = replica.log.log_start_offset
        while offset < replica.readable_end:
            await asyncio.sleep(0)
            data = replica.read_own(offset, _READ_BYTES)
            if not data:
                raise StorageError(f"{TRANSACTION_STATE} cannot be read at offset {offset}")
            for start, header in read_batches(data):
                for record in read_records(data, start):
                    _take(record, found)
                offset = header.last_offset + 1
        with contextlib.suppress(NotEnoughReplicasAfterAppend):  # kept, if by few
            await replica.acknowledged(offset)
        return found

    def _append(self, transactional_id: str, value: bytes | None) -> asyncio.Future[None]:
        replica = self._replica(transactional_id)
        record = Record(0, self._clock.now_ms(), encode_key(transactional_id), value)
        result = replica.append(build_batch([record]))
        return replica.acknowledged(result.last_offset + 1)

    def _replica(self, transactional_id: str) -> Replica:
        return self._shards.replica(self.partition_of(transactional_id))


def _take(record: Record, found: dict[str, Transaction]) -> None:
    try:
        transactional_id = decode_key(record.key or b"")
        if record.value is None:
            found.pop(transactional_id, None)
        else:
            found[transactional_id] = decode_value(transactional_id, record.value)
    except CorruptMessage as error:
        log.error("transaction_unreadable", offset=record.offset, error=str(error))
