"""Transactions as records of the compacted topic ``__transaction_state``. For the event loop.

A node coordinates the transactional ids of the partitions of that topic that it leads: it reads
a partition from its beginning when it begins to lead it.
"""

import asyncio

import structlog

from broker_core.clock import Clock
from broker_core.coordinator.shards import shard_of
from broker_core.coordinator.transaction import Transaction
from broker_core.coordinator.transaction_records import (
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from broker_core.errors import CoordinatorNotAvailable, CorruptMessage, StorageError
from broker_core.log.file_layout import TRANSACTION_STATE
from broker_core.log.log_directory import LogDirectory
from broker_core.protocol.record_batch import Record, build_batch, read_batches, read_records
from broker_core.replication.replicas import Replicas

log = structlog.get_logger()

_TOPIC_CONFIG = {"cleanup.policy": "compact", "segment.bytes": str(16 << 20)}
_READ_BYTES = 1 << 20


def make_topic(logs: LogDirectory, partitions: int) -> None:
    """Make the topic of a node that is alone, if it is not there; blocks.

    Args:
        partitions: How many it gets when it is made; later its own number stands.
    """
    if TRANSACTION_STATE not in logs.topics():
        logs.create_topic(TRANSACTION_STATE, partitions, _TOPIC_CONFIG)


class TransactionStore:
    """Where transactions are remembered.

    Args:
        logs: To know how many partitions the topic has.
    """

    def __init__(self, replicas: Replicas, logs: LogDirectory, clock: Clock) -> None:
        self._replicas = replicas
        self._logs = logs
        self._clock = clock

    @property
    def partitions(self) -> int:
        """How many partitions the topic has.

        Raises:
            CoordinatorNotAvailable: There is no topic: a node of a cluster has no transactions yet.
        """
        topic = self._logs.topics().get(TRANSACTION_STATE)
        if topic is None:
            raise CoordinatorNotAvailable(f"{TRANSACTION_STATE} is not there")
        return topic.partitions

    def partition_of(self, transactional_id: str) -> int:
        """The partition that remembers a transactional id."""
        return shard_of(transactional_id, self.partitions)

    def leader_epoch(self, transactional_id: str) -> int:
        """Epoch of this node's leadership over the id, which its markers carry."""
        partition = self.partition_of(transactional_id)
        return self._replicas.leading(TRANSACTION_STATE, partition).leader_epoch

    def write(self, transaction: Transaction) -> asyncio.Future[None]:
        """Append the newest state of a transactional id; await the result to have it durable.

        Raises:
            StorageError, NotLeaderOrFollower: It was not appended.
        """
        return self._append(transaction.transactional_id, encode_value(transaction))

    def forget(self, transactional_id: str) -> asyncio.Future[None]:
        """Append that a transactional id is forgotten; await the result to have it durable.

        Raises:
            StorageError, NotLeaderOrFollower: It was not appended.
        """
        return self._append(transactional_id, None)

    def load(self, partition: int) -> dict[str, Transaction]:
        """Return the newest state of every id in a partition that this node leads; blocks.

        Raises:
            StorageError: It cannot be read.
        """
        source = self._replicas.leading(TRANSACTION_STATE, partition).log
        found: dict[str, Transaction] = {}
        offset = source.log_start_offset
        while offset < source.high_watermark:
            data = source.read(offset, _READ_BYTES)
            if not data:
                raise StorageError(f"{TRANSACTION_STATE} cannot be read at offset {offset}")
            for start, header in read_batches(data):
                for record in read_records(data, start):
                    _take(record, found)
                offset = header.last_offset + 1
        return found

    def _append(self, transactional_id: str, value: bytes | None) -> asyncio.Future[None]:
        partition = self.partition_of(transactional_id)
        replica = self._replicas.leading(TRANSACTION_STATE, partition)
        record = Record(0, self._clock.now_ms(), encode_key(transactional_id), value)
        result = replica.append(build_batch([record]))
        return replica.acknowledged(result.last_offset + 1)


def _take(record: Record, found: dict[str, Transaction]) -> None:
    try:
        transactional_id = decode_key(record.key or b"")
        if record.value is None:
            found.pop(transactional_id, None)
        else:
            found[transactional_id] = decode_value(transactional_id, record.value)
    except CorruptMessage as error:
        log.error("transaction_unreadable", offset=record.offset, error=str(error))
