"""Rewriting sealed segments: what stays, what goes, and where."""

import os
from pathlib import Path

import pytest

from broker_core.log import compaction
from broker_core.log.compacted_transactions import CompactedTransactions
from broker_core.log.compaction import Rewritten, SealedFile
from broker_core.log.transaction_index import AbortedTransaction
from broker_core.protocol.compression import Codec
from broker_core.protocol.control_record import Marker, encode_marker
from broker_core.protocol.record_batch import (
    Record,
    assign,
    build_batch,
    read_batches,
    read_header,
    read_records,
    with_append_time,
)
from tests.support.partition import NOON_MS

Entry = tuple[bytes | None, bytes | None]


def sealed(
    directory: Path, base_offset: int, *batches: list[Entry], codec: Codec = Codec.NONE
) -> SealedFile:
    """A segment file with these records, one batch after the other."""
    offset, parts = base_offset, []
    for entries in batches:
        records = [
            Record(offset + number, NOON_MS, key, value)
            for number, (key, value) in enumerate(entries)
        ]
        parts.append(
            build_batch(
                records,
                codec=codec,
                leader_epoch=3,
                producer_id=9,
                producer_epoch=1,
                base_sequence=offset,
            )
        )
        offset += len(entries)
    path = directory / f"{base_offset:020d}.log"
    path.write_bytes(b"".join(parts))
    return SealedFile(path, base_offset, offset, path.stat().st_size)


def rewrite(
    files: list[SealedFile], *, keep_from: int = 1 << 62, tombstones_before_ms: int = 0
) -> Rewritten | None:
    return compaction.rewrite(
        files,
        compaction.last_offsets(files),
        CompactedTransactions([]),
        keep_from=keep_from,
        tombstones_before_ms=tombstones_before_ms,
        interval_bytes=100,
    )


def left(rewritten: Rewritten | None) -> list[tuple[int, bytes | None, bytes | None]]:
    assert rewritten is not None
    data = rewritten.swap.read_bytes()
    assert len(data) == rewritten.size
    return [
        (record.offset, record.key, record.value)
        for at, _ in (read_batches(data) if data else [])
        for record in read_records(data, at)
    ]


@pytest.mark.parametrize("codec", list(Codec))
def test_the_last_record_of_each_key_stays_at_its_offset(tmp_path: Path, codec: Codec) -> None:
    first = sealed(tmp_path, 0, [(b"a", b"1"), (b"b", b"1")], [(b"a", b"2")], codec=codec)
    second = sealed(tmp_path, 3, [(b"c", b"1"), (b"a", b"3"), (b"d", b"1")], codec=codec)

    rewritten = rewrite([first, second])

    assert left(rewritten) == [
        (1, b"b", b"1"),
        (3, b"c", b"1"),
        (4, b"a", b"3"),
        (5, b"d", b"1"),
    ]
    assert rewritten is not None
    header = read_header(rewritten.swap.read_bytes())
    assert (header.codec, header.leader_epoch, header.producer_id) == (codec, 3, 9)
    assert rewritten.swap.name.endswith("-00000000000000000006.swap")


def test_a_batch_keeps_its_span_and_the_kind_of_its_timestamps(tmp_path: Path) -> None:
    file = sealed(tmp_path, 0, [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"c", b"1")])
    batch, _ = with_append_time(
        file.path.read_bytes(), read_header(file.path.read_bytes()), NOON_MS + 5
    )
    file.path.write_bytes(batch)

    rewritten = rewrite([file])

    assert rewritten is not None
    data = rewritten.swap.read_bytes()
    before, after = read_header(batch), read_header(data)
    assert after.has_log_append_time
    assert {record.timestamp for record in read_records(data)} == {NOON_MS + 5}
    assert (after.base_offset, after.last_offset) == (before.base_offset, before.last_offset)
    assert after.last_sequence == before.last_sequence
    assert after.record_count == 3


def test_nothing_is_written_if_nothing_is_gained(tmp_path: Path) -> None:
    file = sealed(tmp_path, 0, [(b"a", b"1"), (b"b", b"1")])

    assert rewrite([file]) is None
    assert list(tmp_path.iterdir()) == [file.path]


def test_a_tombstone_stays_until_readers_had_time_to_see_it(tmp_path: Path) -> None:
    file = sealed(tmp_path, 0, [(b"a", b"1"), (b"a", None)])
    os.utime(file.path, ns=(NOON_MS * 1_000_000,) * 2)

    assert left(rewrite([file], tombstones_before_ms=NOON_MS)) == [(1, b"a", None)]
    assert left(rewrite([file], tombstones_before_ms=NOON_MS + 1)) == []


def test_a_rewritten_segment_is_as_old_as_what_it_was_made_of(tmp_path: Path) -> None:
    file = sealed(tmp_path, 0, [(b"a", b"1"), (b"a", b"2")])
    os.utime(file.path, ns=(NOON_MS * 1_000_000,) * 2)

    rewritten = rewrite([file])

    assert rewritten is not None
    assert rewritten.swap.stat().st_mtime_ns == NOON_MS * 1_000_000


def test_the_last_batch_stays_whole_so_that_readers_pass_the_gap(tmp_path: Path) -> None:
    file = sealed(tmp_path, 0, [(b"a", b"1")], [(b"a", b"2"), (b"a", None)])

    assert left(rewrite([file], keep_from=2, tombstones_before_ms=1 << 60)) == [
        (1, b"a", b"2"),
        (2, b"a", None),
    ]


def test_what_has_no_key_or_cannot_be_read_is_kept(tmp_path: Path) -> None:
    file = sealed(tmp_path, 0, [(None, b"x"), (b"a", b"1")], [(b"a", b"2")])
    content = bytearray(file.path.read_bytes())
    content[61] = 0xFF  # the length of the first record
    file.path.write_bytes(content)

    assert rewrite([file]) is None


def test_keys_beyond_the_memory_limit_wait_for_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MAX_KEYS", 1)
    file = sealed(tmp_path, 0, [(b"a", b"1")], [(b"b", b"1")], [(b"a", b"2"), (b"b", b"2")])

    assert left(rewrite([file])) == [(1, b"b", b"1"), (2, b"a", b"2"), (3, b"b", b"2")]


def test_neighbours_are_joined_up_to_the_size_of_a_segment(tmp_path: Path) -> None:
    files = [
        SealedFile(tmp_path, base, base + 10, size)
        for base, size in ((0, 40), (10, 50), (20, 30), (30, 100), (40, 1))
    ]

    grouped = compaction.groups(files, segment_bytes=100)

    assert [[file.base_offset for file in group] for group in grouped] == [
        [0, 10],
        [20],
        [30],
        [40],
    ]


def transaction(directory: Path, key: bytes, *, committed: bool) -> SealedFile:
    """A segment with one record of a transaction, its marker, and a later record outside."""
    end = Marker(producer_id=9, producer_epoch=0, committed=committed, coordinator_epoch=0)
    written = build_batch(
        [Record(0, NOON_MS, key, b"in")],
        producer_id=9,
        producer_epoch=0,
        base_sequence=0,
        transactional=True,
    )
    ended = bytearray(encode_marker(end, timestamp_ms=NOON_MS))
    assign(ended, 0, base_offset=1, leader_epoch=0)
    path = directory / f"{0:020d}.log"
    path.write_bytes(written + ended + build_batch([Record(2, NOON_MS, b"other", b"out")]))
    return SealedFile(path, 0, 3, path.stat().st_size)


def offsets(rewritten: Rewritten) -> list[int]:
    data = rewritten.swap.read_bytes()
    return [header.base_offset for _, header in read_batches(data)]


@pytest.mark.parametrize("age_ms", [0, 1 << 60], ids=["young", "old"])
def test_a_commit_marker_stays_while_a_record_of_its_transaction_does(
    tmp_path: Path, age_ms: int
) -> None:
    file = transaction(tmp_path, b"a", committed=True)

    assert rewrite([file], tombstones_before_ms=age_ms) is None


def test_an_abort_marker_outlives_its_records_by_one_pass(tmp_path: Path) -> None:
    file = transaction(tmp_path, b"a", committed=False)
    aborted = AbortedTransaction(9, 0, 1, 2)

    def once(one: SealedFile) -> Rewritten:
        rewritten = compaction.rewrite(
            [one],
            compaction.last_offsets([one], [aborted]),
            CompactedTransactions([aborted]),
            keep_from=2,
            tombstones_before_ms=1 << 60,
            interval_bytes=100,
        )
        assert rewritten is not None
        return rewritten

    first = once(file)
    assert offsets(first) == [1, 2]
    assert list(first.aborted) == [aborted]

    file.path.unlink()
    first.swap.rename(file.path)
    second = once(SealedFile(file.path, 0, 3, first.size))
    assert offsets(second) == [2]
    assert list(second.aborted) == []
