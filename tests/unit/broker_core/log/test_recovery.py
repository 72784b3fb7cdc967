"""Opening a partition: what is trusted, what is checked, what is cut."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.log import recovery
from broker_core.log.checkpoint import PartitionCheckpoint
from broker_core.log.file_layout import (
    CHECKPOINT,
    cleaned_file,
    segment_files,
    swap_file,
)
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.metrics import LOG_BYTES_CUT
from tests.support.partition import (
    batch,
    open_directory,
    read_all,
    reopened,
    sync,
    topic,
    values,
)

SMALL_SEGMENTS = {"segment.bytes": "1024"}


@pytest.fixture
def written(tmp_path: Path) -> Iterator[PartitionLog]:
    """Forty records in several segments, all synced."""
    logs = open_directory(tmp_path, index_interval_bytes=200)
    log = topic(logs, SMALL_SEGMENTS)
    for number in range(40):
        log.append(batch(b"%d" % number * 20))
    sync(log)
    yield log
    logs.let_go()


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the log files that are scanned."""
    found: list[str] = []
    scan = recovery.scan

    def note(path: Path, base: int, known: recovery.Scan, *, strict_from: int) -> recovery.Scan:
        found.append(path.name)
        return scan(path, base, known, strict_from=strict_from)

    monkeypatch.setattr(recovery, "scan", note)
    return found


def open_again(log: PartitionLog) -> tuple[LogDirectory, PartitionLog]:
    logs = open_directory(log.directory.parent, index_interval_bytes=200)
    return logs, reopened(logs)


def let_go(log: PartitionLog) -> None:
    """As a killed process does; the directory's lock is the fixture's to close."""
    log.release()
    (log.directory.parent / ".lock").unlink()


def test_an_orderly_close_spares_every_scan(tmp_path: Path, scans: list[str]) -> None:
    logs = open_directory(tmp_path)
    log = topic(logs, SMALL_SEGMENTS)
    for number in range(40):
        log.append(batch(b"%d" % number * 20))
    logs.close()

    logs, log = open_again(log)

    assert scans == []
    assert len(values(log)) == 40
    logs.close()


def test_a_crash_scans_from_the_recovery_point_only(
    written: PartitionLog, scans: list[str]
) -> None:
    let_go(written)

    logs, log = open_again(written)

    assert scans == [written.segments[-1].path.name]
    assert len(values(log)) == 40
    logs.close()


def test_a_torn_batch_is_cut_and_counted(written: PartitionLog) -> None:
    torn = batch(b"never acknowledged")[:-3]
    with written.segments[-1].path.open("ab") as file:
        file.write(torn)
    let_go(written)
    before = LOG_BYTES_CUT._value.get()

    logs, log = open_again(written)

    assert log.end_offset == 40
    assert log.append(batch(b"next")).base_offset == 40
    assert LOG_BYTES_CUT._value.get() - before == len(torn)
    logs.close()


def test_zeros_at_the_end_are_no_records(written: PartitionLog) -> None:
    with written.segments[-1].path.open("ab") as file:
        file.write(bytes(5000))
    let_go(written)

    logs, log = open_again(written)

    assert log.end_offset == 40
    assert log.segments[-1].path.stat().st_size == log.segments[-1].size
    logs.close()


def test_segments_after_a_torn_one_were_never_acknowledged_and_go(
    written: PartitionLog,
) -> None:
    for number in range(40):
        written.append(batch(b"%d" % number * 20))  # rolls, but nothing is synced
    first_unsynced = next(one for one in written.segments if one.next_offset > 40)
    with first_unsynced.path.open("r+b") as file:
        file.truncate(first_unsynced.size - 1)
    let_go(written)

    logs, log = open_again(written)

    assert log.end_offset == first_unsynced.next_offset - 1
    assert log.segments[-1].base_offset == first_unsynced.base_offset
    assert [record.offset for record in read_all(log)] == list(range(log.end_offset))
    logs.close()


def test_a_segment_after_a_lost_tail_goes_too(written: PartitionLog) -> None:
    for number in range(40):
        written.append(batch(b"%d" % number * 20))
    first_unsynced = next(one for one in written.segments if one.next_offset > 40)
    position = first_unsynced.position_of(first_unsynced.next_offset - 1)
    with first_unsynced.path.open("r+b") as file:
        file.truncate(position)  # a whole batch is missing, nothing is torn
    let_go(written)

    logs, log = open_again(written)

    assert log.end_offset == first_unsynced.next_offset - 1
    logs.close()


def test_indexes_that_are_gone_or_damaged_are_built_anew(
    written: PartitionLog, scans: list[str]
) -> None:
    indexes = segment_files(written.directory, ".index")
    indexes[0].unlink()
    indexes[1].write_bytes(indexes[1].read_bytes()[:-1])
    let_go(written)

    logs, log = open_again(written)

    assert scans[:2] == [path.stem + ".log" for path in indexes[:2]]
    assert len(values(log)) == 40
    assert segment_files(written.directory, ".index") == indexes
    logs.close()


def test_a_damaged_old_segment_keeps_the_records_around_the_damage(
    written: PartitionLog,
) -> None:
    second = written.segments[1]
    with second.path.open("r+b") as file:
        file.truncate(second.size - 1)
    let_go(written)

    logs, log = open_again(written)

    lost = second.next_offset - 1
    assert [record.offset for record in read_all(log)] == [
        offset for offset in range(40) if offset != lost
    ]
    logs.close()


def test_without_a_checkpoint_everything_is_scanned(
    written: PartitionLog, scans: list[str]
) -> None:
    (written.directory / CHECKPOINT).unlink()
    let_go(written)

    logs, log = open_again(written)

    assert len(scans) == len(written.segments)
    assert len(values(log)) == 40
    logs.close()


def test_offsets_are_not_used_again_when_every_segment_is_gone(written: PartitionLog) -> None:
    recovery_point = written.segments[-1].base_offset
    for segment in written.segments:
        segment.remove_files()
    let_go(written)

    logs, log = open_again(written)

    assert log.log_start_offset == log.end_offset == recovery_point
    logs.close()


def test_what_compaction_had_not_finished_is_thrown_away(written: PartitionLog) -> None:
    (written.directory / cleaned_file(0, 20)).write_bytes(b"half")
    (written.directory / "partition.json.tmp").write_bytes(b"half")
    let_go(written)

    logs, log = open_again(written)

    assert len(values(log)) == 40
    assert not [one for one in log.directory.iterdir() if one.suffix in (".tmp", ".cleaned")]
    logs.close()


@pytest.mark.parametrize("already_removed", [0, 1, 2])
def test_what_compaction_had_decided_is_finished(
    written: PartitionLog, already_removed: int
) -> None:
    first, second = written.segments[:2]
    swap = written.directory / swap_file(0, second.next_offset)
    swap.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    for segment in written.segments[:already_removed]:
        segment.path.unlink()
    let_go(written)

    logs, log = open_again(written)

    assert [one.base_offset for one in log.segments[:2]] == [0, second.next_offset]
    assert len(values(log)) == 40
    assert not swap.exists()
    logs.close()


def test_a_full_disk_does_not_keep_the_broker_from_starting(
    written: PartitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        written.append(batch(b"%d" % number * 20))
    for path in segment_files(written.directory, ".index")[:1]:
        path.unlink()
    let_go(written)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recovery, "replace_file", refuse)
    monkeypatch.setattr(PartitionCheckpoint, "write", refuse)
    logs, log = open_again(written)
    monkeypatch.undo()

    assert len(values(log)) == 80
    assert all(one.next_offset <= 40 for one in log.durable_sealed), "as the checkpoint says"
    logs.let_go()
    logs, log = open_again(written)
    assert len(values(log)) == 80
    logs.close()


def test_a_new_partition_is_empty_and_open(tmp_path: Path) -> None:
    logs = open_directory(tmp_path)
    log = topic(logs)
    logs.let_go()

    logs, log = open_again(log)

    assert (log.log_start_offset, log.end_offset, log.bytes) == (0, 0, 0)
    assert log.append(batch(b"a")).base_offset == 0
    logs.close()
