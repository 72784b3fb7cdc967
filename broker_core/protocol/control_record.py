"""Transaction markers: the one record of a control batch, in Kafka's own bytes.

::

    key    version int16 = 0 | type int16: 0 abort, 1 commit
    value  version int16 = 0 | coordinator epoch int32

Kafka protocol, "Control Records". Readers skip control batches; only the log looks inside.
"""

import struct
from dataclasses import dataclass

from broker_core.errors import CorruptMessage
from broker_core.protocol.record_batch import Bytes, Record, build_batch, read_records

_KEY = struct.Struct(">hh")
_VALUE = struct.Struct(">hi")
_VERSION = 0
_ABORT, _COMMIT = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """How a producer's transaction ended.

    Attributes:
        producer_epoch: Larger than that of the transaction if its owner was fenced.
        coordinator_epoch: Leader epoch of the coordinator's partition.
    """

    producer_id: int
    producer_epoch: int
    committed: bool
    coordinator_epoch: int


def encode_marker(marker: Marker, *, timestamp_ms: int) -> bytes:
    """Return the control batch; its base offset is for the log to assign."""
    key = _KEY.pack(_VERSION, _COMMIT if marker.committed else _ABORT)
    value = _VALUE.pack(_VERSION, marker.coordinator_epoch)
    return build_batch(
        [Record(0, timestamp_ms, key, value)],
        producer_id=marker.producer_id,
        producer_epoch=marker.producer_epoch,
        transactional=True,
        control=True,
    )


def decode_marker(batch: Bytes, producer_id: int, producer_epoch: int) -> Marker:
    """Read the control batch, whose header named the producer.

    Raises:
        CorruptMessage: It holds no marker of a transaction.
    """
    records = read_records(batch)
    try:
        version, kind = _KEY.unpack_from(records[0].key or b"")
        _, coordinator_epoch = _VALUE.unpack_from(records[0].value or b"")
    except (IndexError, struct.error) as error:
        raise CorruptMessage("a control batch without a marker") from error
    if version < _VERSION or kind not in (_ABORT, _COMMIT):
        raise CorruptMessage(f"a control record of version {version} and type {kind}")
    return Marker(
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        committed=kind == _COMMIT,
        coordinator_epoch=coordinator_epoch,
    )
