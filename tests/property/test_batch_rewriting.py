"""Batches written anew: whatever a client sent, nothing of it but its compression changes."""

import gzip
import struct
from collections.abc import Callable, Mapping

import cramjam
import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.errors import CorruptMessage, InvalidRecord, MessageTooLarge
from broker_core.protocol.batch_rewriting import with_codec, with_records
from broker_core.protocol.compression import Codec
from broker_core.protocol.record_batch import (
    Record,
    build_batch,
    check_crc,
    read_header,
    read_records,
    with_append_time,
)

ROOM = 1 << 20
records_of_a_batch = st.lists(
    st.tuples(
        st.integers(0, 2**40),
        st.none() | st.binary(max_size=30),
        st.none() | st.binary(max_size=300),
        st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=9)), max_size=2),
    ),
    min_size=1,
    max_size=40,
).map(
    lambda drawn: [
        Record(offset, time, key, value, tuple(headers))
        for offset, (time, key, value, headers) in enumerate(drawn)
    ]
)
producers = st.sampled_from([(-1, -1, -1, False), (7, 0, 0, False), (2**40, 3, 2**31 - 2, True)])


def built(records: list[Record], codec: Codec, producer: tuple[int, int, int, bool]) -> bytes:
    producer_id, epoch, sequence, transactional = producer
    return build_batch(
        records,
        codec=codec,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
        transactional=transactional,
    )


@given(
    records=records_of_a_batch,
    source=st.sampled_from(Codec),
    target=st.sampled_from(Codec),
    producer=producers,
)
def test_another_codec_changes_nothing_but_the_codec(
    records: list[Record], source: Codec, target: Codec, producer: tuple[int, int, int, bool]
) -> None:
    batch = built(records, source, producer)

    written = with_codec(batch, target, max_bytes=ROOM)

    before, after = read_header(batch), read_header(written)
    check_crc(written, 0, after)
    assert after.codec == target
    assert after.size == len(written)
    assert read_records(written) == records
    same = {"batch_length": 0, "crc": 0, "attributes": 0}
    assert after._replace(**same) == before._replace(**same)
    assert after.attributes & ~7 == before.attributes & ~7


def xerial(data: bytes) -> bytes:
    """As the Java library frames Snappy."""
    parts = [data[start : start + 32_768] for start in range(0, len(data), 32_768)]
    blocks = [bytes(cramjam.snappy.compress_raw(part)) for part in parts]
    head = b"\x82SNAPPY\x00" + b"\x00\x00\x00\x01" * 2
    return head + b"".join(struct.pack(">i", len(block)) + block for block in blocks)


FOREIGN: Mapping[str, tuple[Codec, Callable[[bytes], bytes]]] = {
    "gzip": (Codec.GZIP, gzip.compress),
    "snappy of Java": (Codec.SNAPPY, xerial),
    "lz4 of dependent blocks": (Codec.LZ4, lambda data: bytes(cramjam.lz4.compress(data))),
    "zstd at its best": (Codec.ZSTD, lambda data: bytes(cramjam.zstd.compress(data, level=19))),
}


@pytest.mark.parametrize("client", FOREIGN)
@given(records=records_of_a_batch, target=st.sampled_from(Codec))
def test_what_other_libraries_compressed_is_taken(
    client: str, records: list[Record], target: Codec
) -> None:
    codec, compress = FOREIGN[client]
    batch = replaced_section(built(records, Codec.NONE, (-1, -1, -1, False)), codec, compress)

    assert read_records(with_codec(batch, target, max_bytes=ROOM)) == records


def replaced_section(batch: bytes, codec: Codec, compress: Callable[[bytes], bytes]) -> bytes:
    """The batch with its records compressed by somebody else."""
    section = compress(batch[61:])
    covered = struct.pack(">h", read_header(batch).attributes | codec) + batch[23:61] + section
    length = struct.pack(">i", 49 + len(section))
    crc = struct.pack(">I", google_crc32c.value(covered))
    return batch[:8] + length + batch[12:17] + crc + covered


@given(records=records_of_a_batch, claimed=st.integers(0, 2**41))
def test_the_newest_timestamp_is_that_of_the_records(records: list[Record], claimed: int) -> None:
    batch = bytearray(built(records, Codec.NONE, (-1, -1, -1, False)))
    struct.pack_into(">q", batch, 35, claimed)

    header = read_header(with_codec(batch, Codec.ZSTD, max_bytes=ROOM))

    assert header.max_timestamp == max(record.timestamp for record in records)


@given(records=records_of_a_batch, cut=st.integers(1, 200), tail=st.binary(max_size=3))
def test_records_that_are_not_what_the_header_says_are_refused(
    records: list[Record], cut: int, tail: bytes
) -> None:
    batch = built(records, Codec.NONE, (-1, -1, -1, False))
    wrong = replaced_section(batch, Codec.NONE, lambda section: section[:-cut] + tail)
    if wrong == batch:
        return

    try:
        written = with_codec(wrong, Codec.LZ4, max_bytes=ROOM)
    except InvalidRecord:
        return
    assert len(read_records(written)) == len(records)  # the cut and the tail made other records


def test_a_timestamp_beyond_all_time_is_refused() -> None:
    batch = bytearray(build_batch([Record(0, 2**62, None, b"x"), Record(1, 2**63 - 1, None, b"y")]))
    struct.pack_into(">q", batch, 27, 2**63 - 1)  # where the deltas count from

    with pytest.raises(InvalidRecord, match="timestamp"):
        with_codec(bytes(batch), Codec.GZIP, max_bytes=ROOM)
    with pytest.raises(CorruptMessage, match="timestamp"):
        read_records(bytes(batch))


def test_offsets_that_do_not_follow_each_other_are_refused() -> None:
    records = [Record(offset, 1, None, b"x") for offset in (0, 2, 3)]

    with pytest.raises(InvalidRecord) as refused:
        with_codec(build_batch(records), Codec.GZIP, max_bytes=ROOM)

    assert refused.value.indexes == (1,)


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD])
def test_records_that_decompress_to_too_much_are_refused(codec: Codec) -> None:
    bomb = build_batch([Record(0, 1, None, bytes(ROOM))], codec=codec)

    with pytest.raises(MessageTooLarge):
        with_codec(bomb, Codec.NONE, max_bytes=ROOM // 2)


@given(
    records=records_of_a_batch,
    codec=st.sampled_from(Codec),
    producer=producers,
    kept=st.sets(st.integers(0, 39), min_size=1),
    append_time=st.booleans(),
)
def test_what_is_left_of_a_batch_lies_where_it_lay(
    records: list[Record],
    codec: Codec,
    producer: tuple[int, int, int, bool],
    kept: set[int],
    append_time: bool,
) -> None:
    batch = built(records, codec, producer)
    if append_time:
        batch, _ = with_append_time(batch, read_header(batch), 2**41)
    header = read_header(batch)
    left = [one for one in read_records(batch) if one.offset in kept] or read_records(batch)[:1]

    written = with_records(header, left)

    after = read_header(written)
    check_crc(written, 0, after)
    assert read_records(written) == left
    assert (after.base_offset, after.last_offset) == (header.base_offset, header.last_offset)
    assert (after.base_sequence, after.last_sequence) == (
        header.base_sequence,
        header.last_sequence,
    )
    assert after.attributes == header.attributes
    assert after.max_timestamp == max(record.timestamp for record in left)
