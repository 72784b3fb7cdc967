"""What a produced batch must be before it enters a log."""

import struct

import google_crc32c
import pytest

from broker_core.errors import (
    BrokerError,
    CorruptMessage,
    InvalidRecord,
    InvalidTimestamp,
    MessageTooLarge,
    UnsupportedForMessageFormat,
)
from broker_core.log.batch_check import MAX_RECORDS, check_batch
from broker_core.log.topic_config import LogConfig
from broker_core.protocol.compression import Codec
from broker_core.protocol.record_batch import Record, build_batch
from tests.support.partition import batch

CONFIG = LogConfig(
    segment_bytes=1 << 20, segment_ms=1, retention_ms=-1, retention_bytes=-1, max_message_bytes=1000
)
COMPACTED = LogConfig(
    segment_bytes=1 << 20,
    segment_ms=1,
    retention_ms=-1,
    retention_bytes=-1,
    max_message_bytes=1000,
    is_compacted=True,
)
ATTRIBUTES_AT, LAST_OFFSET_DELTA_AT, PRODUCER_ID_AT, COUNT_AT = 21, 23, 43, 57


def changed(data: bytes, at: int, layout: str, value: int) -> bytes:
    """The batch with one field changed, and a CRC that fits."""
    content = bytearray(data)
    struct.pack_into(layout, content, at, value)
    struct.pack_into(">I", content, 17, google_crc32c.value(bytes(content[21:])))
    return bytes(content)


def test_returns_the_header_of_a_good_batch() -> None:
    header = check_batch(batch(b"a", b"b"), CONFIG)

    assert (header.record_count, header.last_offset_delta) == (2, 1)


def test_a_coordinator_writes_for_a_producer_without_a_sequence() -> None:
    data = batch(b"a", producer_id=5, epoch=0, transactional=True)

    assert check_batch(data, CONFIG, sequenced=False).is_transactional
    with pytest.raises(InvalidRecord, match="sequence"):
        check_batch(data, CONFIG)


def test_takes_a_view_of_a_request_as_well_as_bytes() -> None:
    assert check_batch(memoryview(batch(b"a")), CONFIG).record_count == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", CorruptMessage),
        (batch(b"a")[:-1], CorruptMessage),
        (batch(b"a")[:-1] + b"?", CorruptMessage),
        (changed(batch(b"a"), 16, ">b", 1), UnsupportedForMessageFormat),
        (batch(b"a" * 1000), MessageTooLarge),
        (batch(b"a") + batch(b"b"), InvalidRecord),
        (changed(batch(b"a"), COUNT_AT, ">i", 0), InvalidRecord),
        (changed(batch(b"a"), LAST_OFFSET_DELTA_AT, ">i", 2**31 - 1), InvalidRecord),
        (changed(batch(b"a"), ATTRIBUTES_AT, ">h", 0x20), InvalidRecord),
        (changed(batch(b"a"), ATTRIBUTES_AT, ">h", 0x10), InvalidRecord),
        (changed(batch(b"a"), ATTRIBUTES_AT, ">h", 0x08), InvalidTimestamp),
        (changed(batch(b"a"), PRODUCER_ID_AT, ">q", 5), InvalidRecord),
    ],
    ids=[
        "empty",
        "cut off",
        "wrong CRC",
        "magic 1",
        "larger than max.message.bytes",
        "two batches",
        "no records",
        "count and offsets disagree",
        "control batch",
        "transactional batch without a producer id",
        "timestamp type of the broker",
        "producer id without epoch",
    ],
)
def test_refuses_what_is_not_a_producers_batch(data: bytes, error: type[BrokerError]) -> None:
    with pytest.raises(error):
        check_batch(data, CONFIG)


def test_refuses_more_records_than_any_client_sends() -> None:
    data = changed(batch(b"a"), COUNT_AT, ">i", MAX_RECORDS + 1)
    data = changed(data, LAST_OFFSET_DELTA_AT, ">i", MAX_RECORDS)

    with pytest.raises(InvalidRecord, match=str(MAX_RECORDS)):
        check_batch(data, CONFIG)


@pytest.mark.parametrize("codec", [Codec.NONE, Codec.ZSTD])
def test_a_compacted_topic_refuses_a_record_without_a_key(codec: Codec) -> None:
    with pytest.raises(InvalidRecord, match="without a key"):
        check_batch(batch(b"a", b"b", keys=[b"k", None], codec=codec), COMPACTED)


def test_a_compacted_topic_takes_records_with_keys() -> None:
    assert check_batch(batch(b"a", keys=[b"k"]), COMPACTED).record_count == 1


def test_a_compacted_topic_refuses_offsets_that_would_outlive_later_records() -> None:
    records = [Record(0, 1, b"k", b"v"), Record(1 << 30, 1, b"k", b"v")]
    data = changed(build_batch(records), LAST_OFFSET_DELTA_AT, ">i", 1)

    with pytest.raises(InvalidRecord, match="offsets"):
        check_batch(data, COMPACTED)
