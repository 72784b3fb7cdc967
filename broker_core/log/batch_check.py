"""What a produced batch must be before it enters a log. Pure.

The checks stand in the order Kafka makes them. Batches are looked into for a compacted topic,
because a record without a key could never be compacted away, and for one that compresses in a way
of its own (``compression.type``); that is :func:`prepare`, for a thread.
"""

from broker_core.errors import (
    CorruptMessage,
    InvalidRecord,
    InvalidTimestamp,
    MessageTooLarge,
)
from broker_core.log.topic_config import LogConfig
from broker_core.protocol.batch_rewriting import with_codec
from broker_core.protocol.record_batch import (
    BatchHeader,
    Bytes,
    check_crc,
    codec_of,
    read_header,
    read_records,
)

MAX_RECORDS = 1_000_000  # librdkafka's batch.num.messages goes no higher
_MAX_OPENED_BYTES = 16 << 20  # what the records of a batch may take that is looked into


def check_batch(
    batch: Bytes, config: LogConfig, *, sequenced: bool = True, prepared: bool = False
) -> BatchHeader:
    """Return the header of the one batch that ``batch`` is.

    Args:
        prepared: Whether it is from :func:`prepare`; its records are not looked at again.
        sequenced: Whether a producer with an id numbers its records; a coordinator does not.

    Raises:
        CorruptMessage: Cut off, or the CRC differs.
        UnsupportedForMessageFormat: A record format before version 2.
        MessageTooLarge: Larger than the topic takes.
        InvalidRecord: Several batches, none, a control batch, a transactional one without a
            producer id, counts that contradict each other, or a null key for a compacted topic.
        InvalidTimestamp: The producer claims that the broker set the time.
    """
    header = read_header(batch)
    size = header.size
    if size > config.max_message_bytes:
        raise MessageTooLarge(
            f"a batch of {size} bytes, the topic takes {config.max_message_bytes}"
        )
    if size > len(batch):
        raise CorruptMessage(f"a batch of {size} bytes is cut off at {len(batch)}")
    if size < len(batch):
        raise InvalidRecord("more than one record batch for a partition in one request")
    check_crc(batch, 0, header)
    if header.record_count != header.last_offset_delta + 1:
        raise InvalidRecord(
            f"{header.record_count} records with a last offset delta of {header.last_offset_delta}"
        )
    if header.record_count > MAX_RECORDS:
        raise InvalidRecord(f"{header.record_count} records in a batch, {MAX_RECORDS} are taken")
    if header.is_control:
        raise InvalidRecord("control batches are not taken from producers")
    if header.has_log_append_time:
        raise InvalidTimestamp("a producer may not set the timestamp type LogAppendTime")
    if header.producer_id < 0:
        if header.is_transactional:
            raise InvalidRecord("a transactional batch without a producer id")
    elif header.producer_epoch < 0 or (sequenced and header.base_sequence < 0):
        raise InvalidRecord("a producer id without an epoch and a sequence")
    if config.is_compacted and not prepared:
        _check_keys(batch)
    return header


def must_be_prepared(batch: Bytes, config: LogConfig) -> bool:
    """Whether somebody must look into a produced batch before it is appended."""
    if config.is_compacted:
        return True
    return config.codec is not None and codec_of(batch) not in (None, config.codec)


def prepare(batch: Bytes, config: LogConfig) -> Bytes:
    """Return a produced batch as its topic keeps it; takes a while, so call it in a thread.

    Raises:
        BrokerError: It is not acceptable, see :func:`check_batch`; or its records, to be
            compressed in another way, are not what its header promises.
    """
    header = check_batch(batch, config)
    if config.codec is None or header.codec == config.codec:
        return batch
    return with_codec(
        batch, config.codec, max_bytes=max(_MAX_OPENED_BYTES, config.max_message_bytes)
    )


def _check_keys(batch: Bytes) -> None:
    records = read_records(batch, max_bytes=_MAX_OPENED_BYTES)
    first = read_header(batch).base_offset
    if any(record.offset != first + index for index, record in enumerate(records)):
        raise InvalidRecord("offsets that do not follow each other")
    keyless = tuple(index for index, record in enumerate(records) if record.key is None)
    if keyless:
        raise InvalidRecord(
            "a record without a key cannot be written to a compacted topic", indexes=keyless
        )
