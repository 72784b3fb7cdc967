"""Record batches written anew: with fewer of their records, or compressed in another way. Pure.

What a producer or a transaction needs to recognise its batch stays: producer, epoch, sequences,
kind of timestamp, and the offsets from the first to the last, also of records that are gone.
"""

from collections.abc import Sequence

from broker_core.errors import CorruptMessage, InvalidRecord
from broker_core.protocol.compression import Codec
from broker_core.protocol.primitives import read_varlong
from broker_core.protocol.record_batch import (
    CODEC_MASK,
    INT64_END,
    BatchHeader,
    Bytes,
    Record,
    encode_batch,
    encode_records,
    read_header,
    records_section,
)


def with_records(header: BatchHeader, kept: Sequence[Record]) -> bytes:
    """Return a batch with some of its records, at least one.

    Args:
        header: The batch's.
        kept: As :func:`~broker_core.protocol.record_batch.read_records` gave them.
    """
    newest = header.max_timestamp
    if not header.has_log_append_time:
        newest = max(record.timestamp for record in kept)
    left = header._replace(record_count=len(kept), max_timestamp=newest)
    return encode_batch(left, encode_records(kept, left))


def with_codec(batch: Bytes, codec: Codec, *, max_bytes: int) -> bytes:
    """Return a produced batch compressed in another way, once its records have been looked at.

    Their bytes stay; the newest timestamp is that of the records.

    Args:
        batch: With a header and a CRC that were checked.
        max_bytes: Most that its records may take.

    Raises:
        InvalidRecord: The records are not what the header promises.
        MessageTooLarge: They decompress to more than ``max_bytes``.
        UnsupportedCompressionType: In a way that is not known.
    """
    header = read_header(batch)
    try:
        section = records_section(batch, max_bytes=max_bytes)
        newest = header.base_timestamp + _walk(section, header)
        if not -INT64_END <= newest < INT64_END:
            raise CorruptMessage(f"a timestamp of {newest}")
    except (CorruptMessage, IndexError) as error:  # the CRC is right: it would not help to resend
        raise InvalidRecord(f"records are not what their batch says: {error}") from error
    attributes = header.attributes & ~CODEC_MASK | codec
    return encode_batch(header._replace(attributes=attributes, max_timestamp=newest), section)


def _walk(section: bytes, header: BatchHeader) -> int:
    """Look at every record without copying it; return the largest timestamp delta.

    Raises:
        CorruptMessage, IndexError: Lengths that contradict each other, or too many bytes.
        InvalidRecord: Offsets that do not follow each other.
    """
    newest = -(1 << 63)
    position = 0
    for index in range(header.record_count):
        size, position = read_varlong(section, position)
        end = position + size
        delta, position = read_varlong(section, position + 1)  # after the record's attributes
        newest = max(newest, delta)
        offset_delta, position = read_varlong(section, position)
        if offset_delta != index:
            raise InvalidRecord("offsets that do not follow each other", indexes=(index,))
        position = _skip_bytes(section, _skip_bytes(section, position))  # key and value
        headers, position = read_varlong(section, position)
        for _ in range(headers):
            position = _skip_bytes(section, _skip_bytes(section, position))
        if position != end:
            raise CorruptMessage(f"a record ends at byte {position}, not {end}")
    if position != len(section):
        raise CorruptMessage(f"{len(section) - position} bytes after the last record")
    return newest


def _skip_bytes(section: bytes, position: int) -> int:
    """Return where a length and its bytes end; -1 is null."""
    size, position = read_varlong(section, position)
    return position + max(size, 0)
