"""What one sync of one partition makes durable, and in which order."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.log import flush
from broker_core.log.checkpoint import PartitionCheckpoint, sync_directory
from broker_core.log.file_layout import segment_files
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from tests.support.partition import batch, open_directory, sync, topic, values


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogDirectory]:
    opened = open_directory(tmp_path)
    yield opened
    opened.let_go()


@pytest.fixture
def log(logs: LogDirectory) -> PartitionLog:
    """Three segments, none of them synced."""
    made = topic(logs)
    for number in range(3):
        made.append(batch(b"%d" % number, producer_id=1, epoch=0, sequence=number))
        if number < 2:
            made.roll()
    return made


def disk_full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_sealed_segments_are_synced_before_the_active_one(
    log: PartitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_ino))

    sync(log)

    assert synced == [segment.path.stat().st_ino for segment in log.segments]


def test_afterwards_indexes_snapshots_and_checkpoint_are_there(log: PartitionLog) -> None:
    sync(log)

    assert [path.stem[-1] for path in segment_files(log.directory, ".index")] == ["0", "1"]
    assert [path.stem[-1] for path in segment_files(log.directory, ".timeindex")] == ["0", "1"]
    assert [path.stem[-1] for path in segment_files(log.directory, ".snapshot")] == ["1", "2"]
    assert PartitionCheckpoint.read(log.directory) == PartitionCheckpoint(recovery_point=2)
    assert [one.base_offset for one in log.durable_sealed] == [0, 1]


def test_only_the_newest_snapshots_are_kept(log: PartitionLog) -> None:
    for number in range(3, 9):
        log.roll()
        log.append(batch(b"%d" % number, producer_id=1, epoch=0, sequence=number))
        sync(log)

    assert len(segment_files(log.directory, ".snapshot")) == flush.KEPT_SNAPSHOTS


def test_what_can_be_rebuilt_may_find_the_disk_full(
    log: PartitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flush, "replace_file", disk_full)
    monkeypatch.setattr(PartitionCheckpoint, "write", disk_full)

    sync(log)

    assert values(log) == [b"0", b"1", b"2"]
    assert list(log.durable_sealed) == [], "nothing may be removed before the checkpoint says so"
    assert log.needs_flush
    monkeypatch.undo()
    sync(log)
    assert [one.base_offset for one in log.durable_sealed] == [0, 1]


def test_a_failing_disk_is_not_a_full_one(
    log: PartitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(PartitionCheckpoint, "write", fail)

    with pytest.raises(OSError, match="Input/output error"):
        log.begin_flush().run()


def test_a_lack_of_descriptors_is_waited_for(
    log: PartitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = iter([24, 23])

    def scarce(directory: Path) -> None:
        for number in refusals:
            raise OSError(number, "Too many open files")
        sync_directory(directory)

    monkeypatch.setattr(flush, "sync_directory", scarce)
    monkeypatch.setattr(flush, "_DESCRIPTOR_WAIT_SECONDS", 0)

    sync(log)

    assert log.high_watermark == 3


def test_a_file_closed_during_a_sync_stays_open_until_the_sync_is_over(
    log: PartitionLog,
) -> None:
    under_way = log.begin_flush()
    (_, descriptor), *_ = under_way.pinned

    log.release()  # its topic is deleted
    under_way.run()
    under_way.release()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_what_is_appended_meanwhile_waits_for_the_next_sync(log: PartitionLog) -> None:
    first = log.begin_flush()
    log.append(batch(b"later"))
    log.roll()
    first.run()

    log.finish_flush(first)

    assert (log.high_watermark, log.end_offset) == (3, 4)
    assert values(log) == [b"0", b"1", b"2"]
    sync(log)
    assert values(log) == [b"0", b"1", b"2", b"later"]


def test_no_descriptor_is_left_open(log: PartitionLog) -> None:
    before = set(os.listdir("/proc/self/fd"))

    sync(log)
    log.begin_flush().release()

    after = set(os.listdir("/proc/self/fd"))
    assert len(after) == len(before) - 2, "those of the sealed segments are closed"
