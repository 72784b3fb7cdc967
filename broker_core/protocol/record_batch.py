"""RecordBatch v2: header, checksum and records (magic 2, Kafka protocol "Record Batch").

The header is 61 bytes, big-endian::

    base offset int64 | batch length int32 | leader epoch int32 | magic int8 | CRC uint32 |
    attributes int16 | last offset delta int32 | base timestamp int64 | max timestamp int64 |
    producer id int64 | producer epoch int16 | base sequence int32 | record count int32

``batch length`` counts what follows it. The CRC-32C covers everything from the attributes on, so
base offset and leader epoch are the log's to set: :func:`assign` writes them in place. Only
:func:`read_records` looks inside; the broker's hot path never does.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import google_crc32c

from broker_core.errors import CorruptMessage, UnsupportedForMessageFormat
from broker_core.protocol.compression import Codec, compress, decompress
from broker_core.protocol.primitives import read_varlong, varlong

HEADER_BYTES = 61
LENGTH_PREFIX_BYTES = 12  # base offset and batch length: what stands before the counted bytes
MAGIC = 2
NO_PRODUCER = -1
INT64_END = 1 << 63
CODEC_MASK = 0x07  # of the attributes

_HEADER = struct.Struct(">qiibIhiqqqhii")
_CRC = struct.Struct(">I")
_CRC_AT = 17
_CRC_COVERS_FROM = 21  # where the attributes begin
_ATTRIBUTES = struct.Struct(">h")
_TIMESTAMP = struct.Struct(">q")
_MAX_TIMESTAMP_AT = 35
_MAGIC_AT = 16
_BASE_OFFSET = struct.Struct(">q")
_LEADER_EPOCH = struct.Struct(">i")
_LEADER_EPOCH_AT = 12
_LOG_APPEND_TIME = 0x08
_TRANSACTIONAL = 0x10
_CONTROL = 0x20

Bytes = bytes | bytearray | memoryview


class BatchHeader(NamedTuple):
    """The fixed part of a record batch, in wire order.

    Attributes:
        batch_length: Bytes after this field; :attr:`size` is the whole batch.
        last_offset_delta: Offset of the last record, relative to ``base_offset``.
        base_timestamp: Milliseconds since 1970 of the first record.
        producer_id: -1 unless the producer is idempotent.
        base_sequence: Sequence of the first record, counted per producer id and partition.
    """

    base_offset: int
    batch_length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch."""
        return LENGTH_PREFIX_BYTES + self.batch_length

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return self.base_offset + self.last_offset_delta

    @property
    def codec(self) -> int:
        """Compression number, see :class:`~broker_core.protocol.compression.Codec`."""
        return self.attributes & CODEC_MASK

    @property
    def is_control(self) -> bool:
        """Whether it holds a transaction marker instead of a producer's records."""
        return bool(self.attributes & _CONTROL)

    @property
    def is_transactional(self) -> bool:
        """Whether it belongs to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def has_log_append_time(self) -> bool:
        """Whether max_timestamp was set by a broker and stands for every record."""
        return bool(self.attributes & _LOG_APPEND_TIME)

    @property
    def last_sequence(self) -> int:
        """Sequence of the last record; sequences wrap from 2**31 - 1 to 0."""
        return (self.base_sequence + self.last_offset_delta) & 0x7FFF_FFFF


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a batch; ``offset`` and ``timestamp`` (ms) are absolute."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def read_header(data: Bytes, start: int = 0) -> BatchHeader:
    """Read the header at ``start``; checks magic and that the lengths make sense, not the CRC.

    Raises:
        CorruptMessage: Cut off, or lengths that contradict each other.
        UnsupportedForMessageFormat: A magic before 2 (clients older than Kafka 0.11).
    """
    if len(data) - start < HEADER_BYTES:
        if len(data) - start > _MAGIC_AT and data[start + _MAGIC_AT] < MAGIC:
            raise UnsupportedForMessageFormat(f"magic {data[start + _MAGIC_AT]}, not {MAGIC}")
        raise CorruptMessage(f"{len(data) - start} bytes cannot hold a batch header")
    header = BatchHeader._make(_HEADER.unpack_from(data, start))
    if header.magic != MAGIC:
        raise UnsupportedForMessageFormat(f"magic {header.magic}, not {MAGIC}")
    if header.batch_length < HEADER_BYTES - LENGTH_PREFIX_BYTES:
        raise CorruptMessage(f"a batch length of {header.batch_length} bytes")
    if header.last_offset_delta < 0 or header.record_count < 0:
        raise CorruptMessage("a record batch with a negative count")
    return header


def is_transactional(data: Bytes) -> bool:
    """Whether the first batch says that it belongs to a transaction; nothing else is checked."""
    return len(data) >= HEADER_BYTES and bool(data[_CRC_COVERS_FROM + 1] & _TRANSACTIONAL)


def codec_of(data: Bytes) -> int | None:
    """How the first batch says that it is compressed; None if it is cut off."""
    return data[_CRC_COVERS_FROM + 1] & CODEC_MASK if len(data) >= HEADER_BYTES else None


def read_batches(data: Bytes) -> list[tuple[int, BatchHeader]]:
    """Return (start, header) of each batch in ``data``, which holds whole batches only.

    Raises:
        CorruptMessage: The last batch is cut off, or there is none.
    """
    batches = []
    start = 0
    while start < len(data):
        header = read_header(data, start)
        batches.append((start, header))
        start += header.size
    if start != len(data) or not batches:
        raise CorruptMessage(f"batches end at byte {start} of {len(data)}")
    return batches


def check_crc(data: Bytes, start: int, header: BatchHeader) -> None:
    """Compare the CRC-32C of the batch at ``start`` with its header.

    Raises:
        CorruptMessage: They differ.
    """
    crc = google_crc32c.value(bytes(data[start + _CRC_COVERS_FROM : start + header.size]))
    if crc != header.crc:
        raise CorruptMessage(f"CRC-32C {crc:#010x}, the batch says {header.crc:#010x}")


def assign(data: bytearray, start: int, *, base_offset: int, leader_epoch: int) -> None:
    """Write the log's own two fields into the batch at ``start``; the CRC stays right."""
    _BASE_OFFSET.pack_into(data, start, base_offset)
    _LEADER_EPOCH.pack_into(data, start + _LEADER_EPOCH_AT, leader_epoch)


def with_append_time(batch: Bytes, header: BatchHeader, now_ms: int) -> tuple[bytes, BatchHeader]:
    """Return a batch with the broker's time for all its records, and its header."""
    changed = bytearray(batch)
    attributes = header.attributes | _LOG_APPEND_TIME
    _ATTRIBUTES.pack_into(changed, _CRC_COVERS_FROM, attributes)
    _TIMESTAMP.pack_into(changed, _MAX_TIMESTAMP_AT, now_ms)
    crc = google_crc32c.value(bytes(changed[_CRC_COVERS_FROM:]))
    _CRC.pack_into(changed, _CRC_AT, crc)
    return bytes(changed), header._replace(attributes=attributes, max_timestamp=now_ms, crc=crc)


def read_records(data: Bytes, start: int = 0, *, max_bytes: int = 256 << 20) -> list[Record]:
    """Decode every record of the batch at ``start``.

    Args:
        max_bytes: Most that the records may take, decompressed.

    Raises:
        CorruptMessage: The records are not what the header promises.
        MessageTooLarge: They decompress to more than ``max_bytes``.
    """
    section = records_section(data, start, max_bytes=max_bytes)
    return list(each_record(section, read_header(data, start)))


def records_section(data: Bytes, start: int = 0, *, max_bytes: int) -> bytes:
    """Return the records of the batch at ``start``, decompressed but not decoded.

    Raises:
        CorruptMessage: They are not what the header promises.
        MessageTooLarge: They decompress to more than ``max_bytes``.
        UnsupportedCompressionType: In a way that is not known.
    """
    header = read_header(data, start)
    if start + header.size > len(data):
        raise CorruptMessage("the batch is cut off")
    section = bytes(data[start + HEADER_BYTES : start + header.size])
    return decompress(header.codec, section, max_bytes=max_bytes)


def each_record(section: bytes, header: BatchHeader) -> Iterator[Record]:
    """Decode the records of a batch one after the other, see :func:`records_section`.

    Raises:
        CorruptMessage: They are not what the header promises.
    """
    try:
        yield from _records(section, header)
    except (IndexError, UnicodeDecodeError) as error:
        raise CorruptMessage("records are cut off or not UTF-8 where they must be") from error


def _records(section: bytes, header: BatchHeader) -> Iterator[Record]:
    position = 0
    for _ in range(header.record_count):
        size, position = read_varlong(section, position)
        end = position + size
        _, timestamp_delta, position = _read_record_start(section, position)
        offset_delta, position = read_varlong(section, position)
        key, position = _read_bytes(section, position)
        value, position = _read_bytes(section, position)
        count, position = read_varlong(section, position)
        headers = []
        for _ in range(count):
            name, position = _read_bytes(section, position)
            content, position = _read_bytes(section, position)
            headers.append(((name or b"").decode(), content))
        if position != end:
            raise CorruptMessage(f"a record ends at byte {position}, not {end}")
        timestamp = header.base_timestamp + timestamp_delta
        if header.has_log_append_time:
            timestamp = header.max_timestamp
        if not -INT64_END <= timestamp < INT64_END:
            raise CorruptMessage(f"a timestamp of {timestamp}")
        yield Record(header.base_offset + offset_delta, timestamp, key, value, tuple(headers))
    if position != len(section):
        raise CorruptMessage(f"{len(section) - position} bytes after the last record")


def _read_record_start(section: bytes, position: int) -> tuple[int, int, int]:
    attributes = section[position]
    timestamp_delta, position = read_varlong(section, position + 1)
    return attributes, timestamp_delta, position


def _read_bytes(section: bytes, position: int) -> tuple[bytes | None, int]:
    size, position = read_varlong(section, position)
    if size < 0:
        return None, position
    if position + size > len(section):
        raise CorruptMessage(f"{size} bytes announced, {len(section) - position} left")
    return section[position : position + size], position + size


def build_batch(
    records: Sequence[Record],
    *,
    codec: Codec = Codec.NONE,
    leader_epoch: int = -1,
    producer_id: int = NO_PRODUCER,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    transactional: bool = False,
    control: bool = False,
) -> bytes:
    """Encode a batch; its base offset is the first record's, the deltas follow the records.

    For what the broker itself writes (committed offsets, transactions), and for tests.
    """
    first = records[0]
    attributes = int(codec)
    attributes |= (_TRANSACTIONAL if transactional else 0) | (_CONTROL if control else 0)
    header = BatchHeader(
        base_offset=first.offset,
        batch_length=0,
        leader_epoch=leader_epoch,
        magic=MAGIC,
        crc=0,
        attributes=attributes,
        last_offset_delta=records[-1].offset - first.offset,
        base_timestamp=first.timestamp,
        max_timestamp=max(record.timestamp for record in records),
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
        record_count=len(records),
    )
    return encode_batch(header, encode_records(records, header))


def encode_batch(header: BatchHeader, section: bytes) -> bytes:
    """Encode a batch of these fields and records; length and CRC follow from them.

    Args:
        section: The records, not compressed yet.
    """
    compressed = compress(Codec(header.codec), section)
    length = HEADER_BYTES - LENGTH_PREFIX_BYTES + len(compressed)
    fixed = bytearray(_HEADER.pack(*header._replace(batch_length=length)))
    crc = google_crc32c.extend(google_crc32c.value(bytes(fixed[_CRC_COVERS_FROM:])), compressed)
    _CRC.pack_into(fixed, _CRC_AT, crc)
    return bytes(fixed) + compressed


def encode_records(records: Iterable[Record], header: BatchHeader) -> bytes:
    """Encode records relative to the offset and the timestamp where their batch begins."""
    return b"".join(_encode_record(record, header) for record in records)


def _encode_record(record: Record, header: BatchHeader) -> bytes:
    body = bytearray(b"\x00")
    body += varlong(record.timestamp - header.base_timestamp)
    body += varlong(record.offset - header.base_offset)
    body += _sized(record.key)
    body += _sized(record.value)
    body += varlong(len(record.headers))
    for name, content in record.headers:
        body += _sized(name.encode())
        body += _sized(content)
    return varlong(len(body)) + bytes(body)


def _sized(content: bytes | None) -> bytes:
    return varlong(-1) if content is None else varlong(len(content)) + content
