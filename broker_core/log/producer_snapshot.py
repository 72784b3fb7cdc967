"""What is remembered of a partition's producers, and its bytes in a snapshot file. Pure.

Format: FORMAT.md, "Producer snapshot".
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import google_crc32c

_MAGIC = b"TPST"
_VERSION = 2
_FILE = struct.Struct(">4sHHI")
_PRODUCER = struct.Struct(">qhiqqH")
_PRODUCER_V1 = struct.Struct(">qhH")
_BATCH = struct.Struct(">iiqqq")
_NO_TRANSACTION = -1


class WrittenBatch(NamedTuple):
    """What must be known of a batch to recognise it again."""

    base_sequence: int
    last_sequence: int
    base_offset: int
    last_offset: int
    timestamp_ms: int


@dataclass(slots=True)
class Producer:
    """One producer of one partition.

    Attributes:
        coordinator_epoch: Of the last transaction marker; -1 before the first.
        written_ms: When its last batch or marker was written.
        batches: Its last ones of this epoch, oldest first; none after a marker that fenced it.
    """

    epoch: int
    coordinator_epoch: int = -1
    written_ms: int = -1
    batches: list[WrittenBatch] = field(default_factory=list)


class Snapshot(NamedTuple):
    """The producers of a partition as of one offset.

    Attributes:
        producers: By producer id, longest silent first.
        transactions: First offset of each open transaction by producer id.
    """

    producers: Mapping[int, Producer]
    transactions: Mapping[int, int]


def encode(snapshot: Snapshot) -> bytes:
    """Return the content of a snapshot file."""
    parts = []
    for producer_id, producer in snapshot.producers.items():
        parts.append(
            _PRODUCER.pack(
                producer_id,
                producer.epoch,
                producer.coordinator_epoch,
                producer.written_ms,
                snapshot.transactions.get(producer_id, _NO_TRANSACTION),
                len(producer.batches),
            )
        )
        parts.extend(_BATCH.pack(*batch) for batch in producer.batches)
    body = b"".join(parts)
    return _FILE.pack(_MAGIC, _VERSION, 0, google_crc32c.value(body)) + body


def decode(data: bytes) -> Snapshot | None:
    """Return what a snapshot file holds, or None if the bytes are not one.

    Version 1 is from before transactions; it is read too.
    """
    if len(data) < _FILE.size:
        return None
    magic, version, reserved, checksum = _FILE.unpack_from(data)
    body = data[_FILE.size :]
    if (magic, reserved) != (_MAGIC, 0) or version not in (1, _VERSION):
        return None
    if google_crc32c.value(body) != checksum:
        return None
    producers: dict[int, Producer] = {}
    transactions: dict[int, int] = {}
    position = 0
    while position < len(body):
        producer_id, producer, first_offset, batches, position = _head(body, position, version)
        end = position + batches * _BATCH.size
        producer.batches = [
            WrittenBatch._make(fields) for fields in _BATCH.iter_unpack(body[position:end])
        ]
        if version == 1:
            producer.written_ms = producer.batches[-1].timestamp_ms
        if first_offset != _NO_TRANSACTION:
            transactions[producer_id] = first_offset
        producers[producer_id] = producer
        position = end
    return Snapshot(producers, transactions)


def _head(body: bytes, position: int, version: int) -> tuple[int, Producer, int, int, int]:
    if version == 1:
        producer_id, epoch, batches = _PRODUCER_V1.unpack_from(body, position)
        after = position + _PRODUCER_V1.size
        return producer_id, Producer(epoch), _NO_TRANSACTION, batches, after
    fields = _PRODUCER.unpack_from(body, position)
    producer_id, epoch, coordinator_epoch, written_ms, first_offset, batches = fields
    producer = Producer(epoch, coordinator_epoch, written_ms)
    return producer_id, producer, first_offset, batches, position + _PRODUCER.size
