"""Record batches written anew: with fewer of their records, or compressed in another way. Pure.

What a producer or a transaction needs to recognise its batch stays: producer, epoch, sequences,
kind of timestamp, and the offsets from the first to the last, also of records that are gone.
"""

from collections.abc import Sequence

from broker_core.errors import CorruptMessage, InvalidRecord
from broker_core.protocol.compression import Codec
from broker_core.protocol.record_batch import (
    CODEC_MASK,
    BatchHeader,
    Bytes,
    Record,
    each_record,
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
    newest = -1
    try:
        section = records_section(batch, max_bytes=max_bytes)
        for index, record in enumerate(each_record(section, header)):
            if record.offset != header.base_offset + index:
                raise InvalidRecord("offsets that do not follow each other", indexes=(index,))
            newest = max(newest, record.timestamp)
    except CorruptMessage as error:  # the CRC is right: sending it again would not help
        raise InvalidRecord(str(error)) from error
    attributes = header.attributes & ~CODEC_MASK | codec
    return encode_batch(header._replace(attributes=attributes, max_timestamp=newest), section)
