"""Committed offsets as records: key and value bytes of __consumer_offsets. Pure.

The bytes are Kafka's own (OffsetCommitKey version 1, OffsetCommitValue version 3), so that tools
which read that topic understand ours::

    key    version int16 = 1 | group string | topic string | partition int32
    value  version int16 = 3 | offset int64 | leader epoch int32 | metadata string | time int64

A string is an int16 length and UTF-8. A null value (tombstone) says that the offset is forgotten.
"""

import struct
from dataclasses import dataclass

from broker_core.errors import CorruptMessage

_KEY_VERSION = 1
_VALUE_VERSION = 3
_VALUE_HEAD = struct.Struct(">hqi")


@dataclass(frozen=True, slots=True, order=True)
class OffsetKey:
    """Whose position in which partition."""

    group: str
    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """How far a group has read.

    Attributes:
        offset: The next offset to read.
        leader_epoch: Of the last record read; -1 if the client did not say.
        metadata: The client's own note.
        committed_ms: When, in milliseconds since 1970.
    """

    offset: int
    leader_epoch: int
    metadata: str
    committed_ms: int


def encode_key(key: OffsetKey) -> bytes:
    """Return the key of the record."""
    return (
        _KEY_VERSION.to_bytes(2, "big")
        + _string(key.group)
        + _string(key.topic)
        + struct.pack(">i", key.partition)
    )


def decode_key(data: bytes) -> OffsetKey:
    """Read the key of a record.

    Raises:
        CorruptMessage: It is none of ours.
    """
    try:
        if int.from_bytes(data[:2], "big") != _KEY_VERSION:
            raise CorruptMessage(f"an offset key of version {int.from_bytes(data[:2], 'big')}")
        group, position = _read_string(data, 2)
        topic, position = _read_string(data, position)
        (partition,) = struct.unpack_from(">i", data, position)
    except (struct.error, UnicodeDecodeError) as error:
        raise CorruptMessage("an offset key is cut off") from error
    return OffsetKey(group, topic, partition)


def encode_value(committed: CommittedOffset) -> bytes:
    """Return the value of the record."""
    return (
        _VALUE_HEAD.pack(_VALUE_VERSION, committed.offset, committed.leader_epoch)
        + _string(committed.metadata)
        + struct.pack(">q", committed.committed_ms)
    )


def decode_value(data: bytes) -> CommittedOffset:
    """Read the value of a record.

    Raises:
        CorruptMessage: It is none of ours.
    """
    try:
        version, offset, leader_epoch = _VALUE_HEAD.unpack_from(data)
        if version != _VALUE_VERSION:
            raise CorruptMessage(f"an offset value of version {version}")
        metadata, position = _read_string(data, _VALUE_HEAD.size)
        (committed_ms,) = struct.unpack_from(">q", data, position)
    except (struct.error, UnicodeDecodeError) as error:
        raise CorruptMessage("an offset value is cut off") from error
    return CommittedOffset(offset, leader_epoch, metadata, committed_ms)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _read_string(data: bytes, position: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">h", data, position)
    end = position + 2 + size
    if size < 0 or end > len(data):
        raise CorruptMessage(f"a string of {size} bytes is cut off")
    return data[position + 2 : end].decode(), end
