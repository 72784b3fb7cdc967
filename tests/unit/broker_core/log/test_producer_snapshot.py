"""The bytes of a snapshot, also those of an earlier version."""

import struct

import google_crc32c

from broker_core.log import producer_snapshot
from broker_core.log.producer_snapshot import Producer, Snapshot, WrittenBatch

BATCH = WrittenBatch(3, 5, 100, 102, 1234)


def test_every_byte_is_where_the_format_says() -> None:
    snapshot = Snapshot({7: Producer(2, 4, 5678, [BATCH])}, {7: 90})

    data = producer_snapshot.encode(snapshot)

    body = struct.pack(">qhiqqH", 7, 2, 4, 5678, 90, 1) + struct.pack(">iiqqq", *BATCH)
    assert data == struct.pack(">4sHHI", b"TPST", 2, 0, google_crc32c.value(body)) + body
    assert producer_snapshot.decode(data) == snapshot


def test_version_1_is_read_as_it_was_before_transactions() -> None:
    body = struct.pack(">qhH", 7, 2, 1) + struct.pack(">iiqqq", *BATCH)
    data = struct.pack(">4sHHI", b"TPST", 1, 0, google_crc32c.value(body)) + body

    assert producer_snapshot.decode(data) == Snapshot({7: Producer(2, -1, 1234, [BATCH])}, {})


def test_a_later_version_is_not_taken() -> None:
    data = struct.pack(">4sHHI", b"TPST", 3, 0, 0)

    assert producer_snapshot.decode(data) is None
