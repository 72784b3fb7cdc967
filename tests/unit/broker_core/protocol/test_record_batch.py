"""Record batches: header, CRC, records, and what must be refused."""

import pytest

from broker_core.errors import CorruptMessage, MessageTooLarge, UnsupportedForMessageFormat
from broker_core.protocol.compression import Codec
from broker_core.protocol.record_batch import (
    Record,
    assign,
    build_batch,
    check_crc,
    read_batches,
    read_header,
    read_records,
)

RECORDS = [
    Record(7, 1000, b"k", b"v" * 100, (("a", b"1"), ("b", None))),
    Record(8, 990, None, None),
    Record(9, 1100, b"", b""),
]


@pytest.mark.parametrize("codec", Codec)
def test_records_come_back_as_they_went_in(codec: Codec) -> None:
    batch = build_batch(RECORDS, codec=codec, producer_id=4, producer_epoch=1, base_sequence=12)

    header = read_header(batch)
    check_crc(batch, 0, header)

    assert read_records(batch) == RECORDS
    assert header.size == len(batch)
    assert (header.base_offset, header.last_offset, header.record_count) == (7, 9, 3)
    assert (header.base_timestamp, header.max_timestamp) == (1000, 1100)
    assert (header.producer_id, header.producer_epoch, header.last_sequence) == (4, 1, 14)


def test_the_log_sets_offset_and_epoch_without_touching_the_crc() -> None:
    data = bytearray(build_batch(RECORDS))

    assign(data, 0, base_offset=2**40, leader_epoch=5)

    header = read_header(data)
    check_crc(data, 0, header)
    assert (header.base_offset, header.leader_epoch) == (2**40, 5)
    assert [record.offset for record in read_records(data)] == [2**40, 2**40 + 1, 2**40 + 2]


def test_a_flipped_bit_is_a_corrupt_message() -> None:
    data = bytearray(build_batch(RECORDS))
    data[-1] ^= 1
    with pytest.raises(CorruptMessage, match="CRC"):
        check_crc(data, 0, read_header(data))


def test_several_batches_are_found_one_after_the_other() -> None:
    one = build_batch(RECORDS)
    assert [start for start, _ in read_batches(one * 3)] == [0, len(one), 2 * len(one)]


@pytest.mark.parametrize("cut", [1, 30, 61])
def test_a_batch_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(CorruptMessage):
        read_batches(build_batch(RECORDS)[:-cut])


def test_nothing_at_all_is_not_a_batch() -> None:
    with pytest.raises(CorruptMessage):
        read_batches(b"")


def test_a_batch_of_an_older_format_is_told_apart() -> None:
    data = bytearray(build_batch(RECORDS))
    data[16] = 1
    with pytest.raises(UnsupportedForMessageFormat):
        read_header(data)
    with pytest.raises(UnsupportedForMessageFormat):
        read_header(data[:34])


def test_a_sequence_wraps_after_the_largest_int32() -> None:
    header = read_header(build_batch(RECORDS, producer_id=1, base_sequence=2**31 - 1))
    assert header.last_sequence == 1


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD])
def test_a_bomb_stops_at_the_limit(codec: Codec) -> None:
    batch = build_batch([Record(0, 0, None, bytes(1 << 20))], codec=codec)
    with pytest.raises(MessageTooLarge):
        read_records(batch, max_bytes=1 << 16)
