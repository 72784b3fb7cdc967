"""The recovery mark: what a crash need not read again, and when it is not believed."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from broker_core.log import checkpoint, flush, recovery
from broker_core.log.checkpoint import PartitionCheckpoint
from broker_core.log.file_layout import CHECKPOINT, RECOVERY_MARK, log_file
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.log.recovery_mark import RecoveryMark
from tests.support.partition import batch, marker, open_directory, reopened, sync, topic, values

MARK_BYTES = 1000
OPENED: list[LogDirectory] = []
STEPS: list[tuple[object, Callable[..., object]]] = [
    (os, os.fdatasync),
    (flush, checkpoint.sync_directory),
    (flush, checkpoint.replace_file),
    (flush, flush.drop_old_snapshots),
    (PartitionCheckpoint, PartitionCheckpoint.write),
    (RecoveryMark, RecoveryMark.write),
]


class Killed(BaseException):
    """Nothing more is done."""


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where in the log file each scan began."""
    found: list[int] = []
    scan = recovery.scan

    def note(path: Path, base: int, known: recovery.Scan, *, strict_from: int) -> recovery.Scan:
        found.append(known.size)
        return scan(path, base, known, strict_from=strict_from)

    monkeypatch.setattr(recovery, "scan", note)
    return found


@pytest.fixture(autouse=True)
def to_let_go() -> Iterator[None]:
    """Every directory that a test opens."""
    yield
    while OPENED:
        OPENED.pop().let_go()


def opened(directory: Path) -> LogDirectory:
    logs = open_directory(directory, index_interval_bytes=200, recovery_mark_bytes=MARK_BYTES)
    OPENED.append(logs)
    return logs


def append(log: PartitionLog, numbers: range) -> None:
    for number in numbers:
        log.append(batch(b"%d" % number * 20, producer_id=7, epoch=0, sequence=number))
    sync(log)


@pytest.fixture
def log(tmp_path: Path) -> PartitionLog:
    """Forty records and then two, synced; the mark is at the forty."""
    written = topic(opened(tmp_path / "first"))
    append(written, range(40))
    append(written, range(40, 42))
    return written


def after_crash(log: PartitionLog, copy: Path) -> PartitionLog:
    """The log as a process finds it that starts after this one was killed now."""
    shutil.copytree(log.directory.parent, copy)
    return reopened(opened(copy))


def refuse(_: int) -> None:
    raise OSError(errno.EIO, "I/O error")


def mark_of(log: PartitionLog) -> RecoveryMark:
    mark = RecoveryMark.read(log.directory)
    assert mark is not None
    return mark


def test_it_is_written_once_enough_more_is_synced(log: PartitionLog) -> None:
    assert mark_of(log).end_offset == 40

    append(log, range(42, 55))

    assert mark_of(log).end_offset == 55
    assert mark_of(log).size == log.segments[-1].size


def test_a_crash_reads_on_from_it(log: PartitionLog, starts: list[int], tmp_path: Path) -> None:
    again = after_crash(log, tmp_path / "copy")

    assert starts == [mark_of(log).size]
    assert values(again) == values(log)
    assert again.append(batch(b"retry", producer_id=7, epoch=0, sequence=41)).duplicate
    assert again.offset_for_time(0) == log.offset_for_time(0)
    assert mark_of(again).end_offset == 42, "the next crash reads nothing of that"


def test_what_follows_it_is_looked_at_as_ever(
    log: PartitionLog, starts: list[int], tmp_path: Path
) -> None:
    with log.segments[-1].path.open("ab") as file:
        file.write(batch(b"torn")[:-3])

    again = after_crash(log, tmp_path / "copy")

    assert starts == [mark_of(log).size]
    assert again.end_offset == 42
    assert again.segments[-1].path.stat().st_size == log.segments[-1].size


@pytest.mark.parametrize("at", [0, 10, 100, -1], ids=["magic", "header", "content", "checksum"])
def test_a_damaged_one_costs_a_scan(
    log: PartitionLog, starts: list[int], tmp_path: Path, at: int
) -> None:
    path = log.directory / RECOVERY_MARK
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)

    again = after_crash(log, tmp_path / "copy")

    assert starts == [0]
    assert values(again) == values(log)


@pytest.mark.parametrize("size", [0, 3, 60])
def test_one_that_is_cut_off_costs_a_scan(
    log: PartitionLog, starts: list[int], tmp_path: Path, size: int
) -> None:
    path = log.directory / RECOVERY_MARK
    path.write_bytes(path.read_bytes()[:size])

    assert after_crash(log, tmp_path / "copy").end_offset == 42
    assert starts == [0]


@pytest.mark.parametrize("value", [b"x", b"longer"], ids=["same layout", "other layout"])
def test_one_of_a_log_that_went_another_way_is_not_believed(
    log: PartitionLog, starts: list[int], tmp_path: Path, value: bytes
) -> None:
    mark = (log.directory / RECOVERY_MARK).read_bytes()
    other = opened(tmp_path / "other")
    different = topic(other)
    for number in range(60):
        sent = value * len(b"%d" % number * 20)
        different.append(batch(sent, producer_id=7, epoch=0, sequence=number))
    sync(different)
    (different.directory / RECOVERY_MARK).write_bytes(mark)

    again = after_crash(different, tmp_path / "copy")

    assert starts == [0]
    assert values(again) == values(different)


def test_one_beyond_the_end_is_not_believed(
    log: PartitionLog, starts: list[int], tmp_path: Path
) -> None:
    path = log.directory / log_file(0)
    cut = path.read_bytes()[: mark_of(log).size - 1]
    shutil.copytree(log.directory.parent, tmp_path / "cut")
    (tmp_path / "cut" / log.directory.name / log_file(0)).write_bytes(cut)

    again = reopened(opened(tmp_path / "cut"))

    assert starts == [0]
    assert again.end_offset == 39


def test_aborted_transactions_before_and_after_it_are_known(
    tmp_path: Path, starts: list[int]
) -> None:
    logs = opened(tmp_path / "first")
    log = topic(logs)
    for sequence in range(20):
        log.append(batch(b"x" * 50, producer_id=5, epoch=0, sequence=sequence, transactional=True))
    log.end_transaction(marker(5, committed=False))
    log.append(batch(b"x" * 50, producer_id=5, epoch=0, sequence=20, transactional=True))
    sync(log)
    log.end_transaction(marker(5, committed=False))
    log.append(batch(b"y", producer_id=6, epoch=0, sequence=0, transactional=True))
    sync(log)

    again = after_crash(log, tmp_path / "copy")

    assert starts == [mark_of(log).size] != [0]
    assert again.last_stable_offset == log.last_stable_offset == 23
    assert again.aborted_below(23) == log.aborted_below(23)
    assert len(again.aborted_below(23)) == 2


def test_a_new_segment_needs_one_of_its_own(
    log: PartitionLog, starts: list[int], tmp_path: Path
) -> None:
    log.roll()
    append(log, range(42, 44))

    again = after_crash(log, tmp_path / "copy")

    assert starts == [0]
    assert values(again) == values(log)


def test_an_orderly_close_leaves_one_at_the_end(tmp_path: Path, starts: list[int]) -> None:
    logs = opened(tmp_path)
    log = topic(logs)
    append(log, range(3))
    logs.close()
    logs = opened(tmp_path)
    log = reopened(logs)
    append(log, range(3, 4))

    again = after_crash(log, tmp_path / "copy")

    assert starts == [mark_of(log).size] != [0]
    assert values(again) == values(log)


@pytest.mark.parametrize("is_after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=[step.__qualname__ for _, step in STEPS])
def test_a_kill_at_any_step_of_a_flush_costs_nothing_that_was_synced(
    log: PartitionLog,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[object, Callable[..., object]],
    is_after: bool,
) -> None:
    log.roll()
    for number in range(42, 60):
        log.append(batch(b"%d" % number * 20, producer_id=7, epoch=0, sequence=number))
    written = [b"%d" % number * 20 for number in range(60)]
    owner, function = step

    def die(*arguments: object, **named: object) -> None:
        if is_after:
            function(*arguments, **named)
        raise Killed

    monkeypatch.setattr(owner, function.__name__, die)
    begun = log.begin_flush()
    with pytest.raises(Killed):
        begun.run()
    monkeypatch.undo()
    again = after_crash(log, tmp_path / "copy")

    assert values(again) == written
    assert again.append(batch(b"retry", producer_id=7, epoch=0, sequence=59)).duplicate
    log.finish_flush(begun)


def test_a_sync_that_fails_leaves_the_old_one(
    log: PartitionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mark_of(log)
    for number in range(42, 60):
        log.append(batch(b"%d" % number * 20))
    monkeypatch.setattr(os, "fdatasync", refuse)

    begun = log.begin_flush()
    with pytest.raises(OSError, match="I/O"):
        begun.run()
    begun.release()

    assert begun.mark is not None
    assert mark_of(log) == before


def test_what_was_cut_and_written_again_is_looked_at(
    log: PartitionLog, starts: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a copy does that gets the same batches again, and loses power before it syncs them."""
    segment = log.segments[-1]
    content, position = segment.path.read_bytes(), segment.position_of(30)
    log.release()
    os.truncate(segment.path, position)
    monkeypatch.setattr(RecoveryMark, "write", lambda *_: None)
    cut = after_crash(log, tmp_path / "cut")
    assert cut.end_offset == 30
    torn = content[:position] + bytes(200) + content[position + 200 :]
    (cut.directory / log_file(0)).write_bytes(torn)

    again = after_crash(cut, tmp_path / "copy")

    assert starts == [0, 0]
    assert again.end_offset == 30


def test_what_is_scanned_comes_from_the_disk(
    log: PartitionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[tuple[int, int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _, *said: dropped.append(said))

    after_crash(log, tmp_path / "copy")

    assert dropped == [(mark_of(log).size, 0, os.POSIX_FADV_DONTNEED)]


def test_without_a_checkpoint_everything_is_looked_at(
    log: PartitionLog, starts: list[int], tmp_path: Path
) -> None:
    (log.directory / CHECKPOINT).unlink()

    again = after_crash(log, tmp_path / "copy")

    assert starts == [0]
    assert values(again) == values(log)


def test_a_full_disk_keeps_the_old_one(log: PartitionLog) -> None:
    before = mark_of(log)
    (log.directory / f"{RECOVERY_MARK}.tmp").symlink_to("/dev/full")

    append(log, range(42, 55))

    assert mark_of(log) == before
    assert log.durable_end == 55
