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
from collections.abc import Iterator, Sequence
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
_CODEC_MASK = 0x07
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
        return self.attributes & _CODEC_MASK

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
    header = read_header(data, start)
    if start + header.size > len(data):
        raise CorruptMessage("the batch is cut off")
    section = bytes(data[start + HEADER_BYTES : start + header.size])
    section = decompress(header.codec, section, max_bytes=max_bytes)
    try:
        return list(_records(section, header))
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
        yield Record(header.base_offset + offset_delta, timestamp, key, value, tuple(headers))


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
    max_timestamp = max(record.timestamp for record in records)
    section = b"".join(_encode_record(record, first) for record in records)
    fields = (
        int(codec) | (_TRANSACTIONAL if transactional else 0) | (_CONTROL if control else 0),
        records[-1].offset - first.offset,
        first.timestamp,
        max_timestamp,
        producer_id,
        producer_epoch,
        base_sequence,
        len(records),
    )
    covered = struct.pack(">hiqqqhii", *fields) + compress(codec, section)
    batch_length = _CRC_COVERS_FROM - LENGTH_PREFIX_BYTES + len(covered)
    crc = google_crc32c.value(covered)
    return struct.pack(">qiibI", first.offset, batch_length, leader_epoch, MAGIC, crc) + covered


def _encode_record(record: Record, first: Record) -> bytes:
    body = bytearray(b"\x00")
    body += varlong(record.timestamp - first.timestamp)
    body += varlong(record.offset - first.offset)
    body += _sized(record.key)
    body += _sized(record.value)
    body += varlong(len(record.headers))
    for name, content in record.headers:
        body += _sized(name.encode())
        body += _sized(content)
    return varlong(len(body)) + bytes(body)


def _sized(content: bytes | None) -> bytes:
    return varlong(-1) if content is None else varlong(len(content)) + content
