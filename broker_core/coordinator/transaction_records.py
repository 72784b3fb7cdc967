"""Transactions as records: key and value bytes of ``__transaction_state``. Pure.

The bytes are Kafka's own (TransactionLogKey and TransactionLogValue, version 0)::

    key    version int16 = 0 | transactional id string
    value  version int16 = 0 | producer id int64 | producer epoch int16 | timeout int32 (ms) |
           state int8 | topics array (null: none) | updated int64 (ms) | started int64 (ms)
    topic  name string | partitions array of int32

A string is an int16 length and UTF-8, an array an int32 count (-1: null) and its elements. A null
value (tombstone) says that the id is forgotten.
"""

import struct
from collections.abc import Iterable

from broker_core.coordinator.record_strings import read_string, write_string
from broker_core.coordinator.transaction import (
    ProducerIdentity,
    TopicPartition,
    Transaction,
    TransactionState,
)
from broker_core.errors import CorruptMessage

_VERSION = 0
_HEAD = struct.Struct(">hqhib")
_TIMES = struct.Struct(">qq")
_COUNT = struct.Struct(">i")
_STATES = {state.number: state for state in TransactionState}


def encode_key(transactional_id: str) -> bytes:
    """Return the key of the record."""
    return _VERSION.to_bytes(2, "big") + write_string(transactional_id)


def decode_key(data: bytes) -> str:
    """Return the transactional id.

    Raises:
        CorruptMessage: It is no key of ours.
    """
    try:
        if int.from_bytes(data[:2], "big") != _VERSION:
            raise CorruptMessage(f"a transaction key {data[:2]!r}")
        transactional_id, _ = read_string(data, 2)
    except (struct.error, UnicodeDecodeError) as error:
        raise CorruptMessage("a transaction key is cut off") from error
    return transactional_id


def encode_value(transaction: Transaction) -> bytes:
    """Return the value of the record."""
    head = _HEAD.pack(
        _VERSION,
        transaction.producer.producer_id,
        transaction.producer.epoch,
        transaction.timeout_ms,
        transaction.state.number,
    )
    times = _TIMES.pack(transaction.updated_ms, transaction.started_ms)
    return head + _topics(transaction.partitions) + times


def decode_value(transactional_id: str, data: bytes) -> Transaction:
    """Read the value of the record.

    Raises:
        CorruptMessage: It is none of ours.
    """
    try:
        version, producer_id, epoch, timeout_ms, state = _HEAD.unpack_from(data)
        if version != _VERSION or state not in _STATES:
            raise CorruptMessage(f"a transaction of version {version} in state {state}")
        partitions, position = _read_topics(data, _HEAD.size)
        updated_ms, started_ms = _TIMES.unpack_from(data, position)
    except (struct.error, UnicodeDecodeError) as error:
        raise CorruptMessage("a transaction is cut off") from error
    return Transaction(
        transactional_id=transactional_id,
        producer=ProducerIdentity(producer_id, epoch),
        timeout_ms=timeout_ms,
        state=_STATES[state],
        partitions=partitions,
        updated_ms=updated_ms,
        started_ms=started_ms,
    )


def _topics(partitions: Iterable[TopicPartition]) -> bytes:
    by_topic: dict[str, list[int]] = {}
    for topic, partition in sorted(partitions):
        by_topic.setdefault(topic, []).append(partition)
    if not by_topic:
        return _COUNT.pack(-1)
    parts = [_COUNT.pack(len(by_topic))]
    for topic, numbers in by_topic.items():
        parts += [write_string(topic), struct.pack(f">i{len(numbers)}i", len(numbers), *numbers)]
    return b"".join(parts)


def _read_topics(data: bytes, position: int) -> tuple[frozenset[TopicPartition], int]:
    partitions: set[TopicPartition] = set()
    (topics,) = _COUNT.unpack_from(data, position)
    position += _COUNT.size
    for _ in range(topics):
        topic, position = read_string(data, position)
        (count,) = _COUNT.unpack_from(data, position)
        if not 0 <= count <= len(data):
            raise CorruptMessage(f"{count} partitions in a transaction")
        numbers = struct.unpack_from(f">{count}i", data, position + _COUNT.size)
        position += _COUNT.size * (1 + count)
        partitions.update((topic, number) for number in numbers)
    return frozenset(partitions), position
