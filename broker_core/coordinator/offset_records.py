"""Committed offsets as records: key and value bytes of __consumer_offsets. Pure.

The bytes are Kafka's own (OffsetCommitKey version 1, OffsetCommitValue version 3), so that tools
which read that topic understand ours::

    key    version int16 = 1 | group string | topic string | partition int32
    value  version int16 = 3 | offset int64 | leader epoch int32 | metadata string | time int64

A string is an int16 length and UTF-8. A null value (tombstone) says that the offset is forgotten.
"""

import struct
from dataclasses import dataclass

from broker_core.coordinator.record_strings import read_string, write_string
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
        + write_string(key.group)
        + write_string(key.topic)
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
        group, position = read_string(data, 2)
        topic, position = read_string(data, position)
        (partition,) = struct.unpack_from(">i", data, position)
    except (struct.error, UnicodeDecodeError) as error:
        raise CorruptMessage("an offset key is cut off") from error
    return OffsetKey(group, topic, partition)


def encode_value(committed: CommittedOffset) -> bytes:
    """Return the value of the record."""
    return (
        _VALUE_HEAD.pack(_VALUE_VERSION, committed.offset, committed.leader_epoch)
        + write_string(committed.metadata)
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
        metadata, position = read_string(data, _VALUE_HEAD.size)
        (committed_ms,) = struct.unpack_from(">q", data, position)
    except (struct.error, UnicodeDecodeError) as error:
        raise CorruptMessage("an offset value is cut off") from error
    return CommittedOffset(offset, leader_epoch, metadata, committed_ms)
