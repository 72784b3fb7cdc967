"""Idempotent producers: epoch and last five batches per producer id (KIP-98).

A producer numbers its records per partition. What repeats one of its last five batches is a
retry and is answered with the first answer's offsets; what leaves a gap is refused. The state is
part of the log: a snapshot of it lies beside each segment, and replaying the batches after a
snapshot restores it, so that a retry after a crash is recognised.

Format: FORMAT.md, "Producer snapshot". Pure: time comes as an argument. For the event loop.
"""

import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

import google_crc32c

from broker_core.errors import InvalidProducerEpoch, OutOfOrderSequence
from broker_core.protocol.record_batch import BatchHeader

REMEMBERED_BATCHES = 5  # max.in.flight.requests.per.connection of an idempotent producer
MAX_PRODUCERS = 100_000  # ids are the client's word; the one silent for longest makes room

_MAGIC = b"TPST"
_VERSION = 1
_FILE = struct.Struct(">4sHHI")
_PRODUCER = struct.Struct(">qhH")
_BATCH = struct.Struct(">iiqqq")
_SEQUENCES = 1 << 31


class WrittenBatch(NamedTuple):
    """What must be known of a batch to recognise it again."""

    base_sequence: int
    last_sequence: int
    base_offset: int
    last_offset: int
    timestamp_ms: int


@dataclass(slots=True)
class _Producer:
    epoch: int
    batches: list[WrittenBatch] = field(default_factory=list)


class ProducerState:
    """The idempotent producers of one partition."""

    def __init__(self) -> None:
        self._producers: OrderedDict[int, _Producer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._producers)

    def check(self, header: BatchHeader) -> WrittenBatch | None:
        """Judge a batch of an idempotent producer before it is appended.

        Returns:
            The batch it repeats; None if it is new and in order.

        Raises:
            InvalidProducerEpoch: A newer incarnation of the producer has written.
            OutOfOrderSequence: It neither follows the last batch nor repeats a recent one.
        """
        known = self._producers.get(header.producer_id)
        if known is None:
            return None
        if header.producer_epoch < known.epoch:
            raise InvalidProducerEpoch(
                f"producer {header.producer_id} writes with epoch {header.producer_epoch}, "
                f"the partition has seen {known.epoch}"
            )
        if header.producer_epoch > known.epoch:
            if header.base_sequence != 0:
                raise OutOfOrderSequence(
                    f"producer {header.producer_id} begins epoch {header.producer_epoch} "
                    f"at sequence {header.base_sequence}, not 0"
                )
            return None
        sequences = (header.base_sequence, header.last_sequence)
        for batch in known.batches:
            if (batch.base_sequence, batch.last_sequence) == sequences:
                return batch
        expected = (known.batches[-1].last_sequence + 1) % _SEQUENCES
        if header.base_sequence != expected:
            raise OutOfOrderSequence(
                f"producer {header.producer_id} sends sequence {header.base_sequence}, "
                f"{expected} is next"
            )
        return None

    def record(self, header: BatchHeader, base_offset: int, timestamp_ms: int) -> None:
        """Remember a batch that was appended at ``base_offset``.

        Args:
            timestamp_ms: When it was written, for :meth:`expire` and for answers to retries.
        """
        known = self._producers.get(header.producer_id)
        if known is None or known.epoch != header.producer_epoch:
            known = self._producers[header.producer_id] = _Producer(header.producer_epoch)
            if len(self._producers) > MAX_PRODUCERS:
                self._producers.popitem(last=False)
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
        self._producers.move_to_end(header.producer_id)

    def expire(self, before_ms: int) -> None:
        """Forget every producer whose last batch was written before this time."""
        while self._producers:
            oldest = next(iter(self._producers))
            if self._producers[oldest].batches[-1].timestamp_ms >= before_ms:
                break
            del self._producers[oldest]

    def encode(self) -> bytes:
        """Return the content of a snapshot file."""
        parts = []
        for producer_id, producer in self._producers.items():
            parts.append(_PRODUCER.pack(producer_id, producer.epoch, len(producer.batches)))
            parts.extend(_BATCH.pack(*batch) for batch in producer.batches)
        body = b"".join(parts)
        return _FILE.pack(_MAGIC, _VERSION, 0, google_crc32c.value(body)) + body

    @classmethod
    def decode(cls, data: bytes) -> "ProducerState | None":
        """Return the state of a snapshot, or None if the bytes are not one."""
        if len(data) < _FILE.size:
            return None
        body = data[_FILE.size :]
        if _FILE.unpack_from(data) != (_MAGIC, _VERSION, 0, google_crc32c.value(body)):
            return None
        state = cls()
        position = 0
        while position < len(body):
            producer_id, epoch, batches = _PRODUCER.unpack_from(body, position)
            position += _PRODUCER.size
            end = position + batches * _BATCH.size
            written = [
                WrittenBatch._make(fields) for fields in _BATCH.iter_unpack(body[position:end])
            ]
            state._producers[producer_id] = _Producer(epoch, written)
            position = end
        return state
