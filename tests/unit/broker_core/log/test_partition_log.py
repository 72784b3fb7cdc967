"""One partition: what it takes, what readers see, and a disk that is full."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker_core.errors import (
    BrokerError,
    CorruptMessage,
    InvalidRecord,
    MessageTooLarge,
    OffsetOutOfRange,
    OutOfOrderSequence,
    StorageError,
    UnknownTopicOrPartition,
)
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.record_batch import read_header, read_records
from tests.support.partition import (
    NOON_MS,
    TurnedClock,
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
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def logs(tmp_path: Path, clock: TurnedClock) -> Iterator[LogDirectory]:
    opened = open_directory(tmp_path, clock, index_interval_bytes=200)
    yield opened
    opened.let_go()


@contextmanager
def full_disk(at_bytes: int) -> Iterator[None]:
    """No file of this process may grow past ``at_bytes``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def append_many(log: PartitionLog, count: int) -> list[bytes]:
    sent = [b"%d" % number * 30 for number in range(count)]
    for value in sent:
        log.append(batch(value))
    sync(log)
    return sent


def test_offsets_count_records_not_batches(logs: LogDirectory) -> None:
    log = topic(logs)

    first = log.append(batch(b"a", b"b", b"c"))
    second = log.append(batch(b"d"))

    assert (first.base_offset, first.last_offset) == (0, 2)
    assert (second.base_offset, second.last_offset) == (3, 3)
    assert log.end_offset == 4


def test_readers_see_nothing_that_is_not_synced(logs: LogDirectory) -> None:
    log = topic(logs)
    log.append(batch(b"durable"))
    sync(log)
    log.append(batch(b"not yet"))

    assert log.high_watermark == 1
    assert log.read(1, 1000) == b""
    assert log.read(2, 1000) == b""
    with pytest.raises(OffsetOutOfRange):
        log.read(3, 1000)
    assert values(log) == [b"durable"]


def test_the_batch_keeps_its_bytes_but_for_offset_and_epoch(logs: LogDirectory) -> None:
    log = topic(logs)
    sent = batch(b"first", b"second")
    log.append(batch(b"before"))
    log.append(sent, leader_epoch=7)
    sync(log)

    data = log.read(1, 1000)

    assert data[16:] == sent[16:]
    assert (read_header(data).base_offset, read_header(data).leader_epoch) == (1, 7)


def test_a_read_in_mid_batch_returns_the_whole_batch(logs: LogDirectory) -> None:
    log = topic(logs)
    log.append(batch(b"a", b"b", b"c"))
    sync(log)

    assert read_header(log.read(2, 1000)).base_offset == 0


def test_a_batch_larger_than_the_limit_is_returned_alone_if_asked(logs: LogDirectory) -> None:
    log = topic(logs)
    append_many(log, 3)

    assert len(read_records(log.read(1, 1))) == 1
    assert log.read(1, 1, minimum_one=False) == b""


def test_a_read_goes_on_over_segments_up_to_its_limit(logs: LogDirectory) -> None:
    log = topic(logs, SMALL_SEGMENTS)
    sent = append_many(log, 60)

    data = log.read(0, 1 << 20)

    assert len(log.segments) > 3
    assert len(data) == log.bytes
    assert [record.value for record in read_all(log)] == sent
    assert len(log.read(0, 2000)) <= 2000


def test_offsets_outside_are_refused_with_what_there_is(logs: LogDirectory) -> None:
    log = topic(logs)
    append_many(log, 5)
    log.truncate_before(3)

    for offset in (-1, 2, 6):
        with pytest.raises(OffsetOutOfRange, match=r"\[3, 5\]"):
            log.read(offset, 1000)


def test_a_log_start_never_goes_back_and_never_passes_the_high_watermark(
    logs: LogDirectory,
) -> None:
    log = topic(logs)
    append_many(log, 5)

    assert log.truncate_before(4) == 4
    assert log.truncate_before(2) == 4
    with pytest.raises(OffsetOutOfRange):
        log.truncate_before(6)
    assert [record.offset for record in read_all(log)] == [4]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"junk", CorruptMessage),
        (batch(b"a")[:-1] + b"?", CorruptMessage),
        (batch(b"a") * 2, InvalidRecord),
        (batch(b"a" * 5000), MessageTooLarge),
    ],
)
def test_a_refused_batch_leaves_no_trace(
    logs: LogDirectory, data: bytes, error: type[BrokerError]
) -> None:
    log = topic(logs, {"max.message.bytes": "4000"})

    with pytest.raises(error):
        log.append(data)

    assert (log.end_offset, log.bytes) == (0, 0)


def test_a_retry_gets_the_offsets_of_the_first_time(logs: LogDirectory) -> None:
    log = topic(logs)
    sent = batch(b"a", b"b", producer_id=5, epoch=0, sequence=0)
    first = log.append(sent)
    log.append(batch(b"of another producer"))

    again = log.append(sent)

    assert (again.base_offset, again.last_offset, again.duplicate) == (0, 1, True)
    assert first.duplicate is False
    assert log.end_offset == 3


def test_a_retry_after_a_crash_is_still_recognised(
    logs: LogDirectory, tmp_path: Path, clock: TurnedClock
) -> None:
    log = topic(logs, SMALL_SEGMENTS)
    sent = [batch(b"x" * 100, producer_id=5, epoch=0, sequence=number) for number in range(20)]
    for one in sent:
        log.append(one)
    logs.let_go()

    again = open_directory(tmp_path, clock)

    log = reopened(again)
    for number, one in list(enumerate(sent))[-5:]:
        assert log.append(one).base_offset == number
    with pytest.raises(OutOfOrderSequence):
        log.append(sent[0])
    assert log.append(batch(b"y", producer_id=5, epoch=0, sequence=20)).base_offset == 20
    again.let_go()


def test_the_brokers_time_replaces_the_producers_where_the_topic_says_so(
    logs: LogDirectory,
) -> None:
    log = topic(logs, {"message.timestamp.type": "LogAppendTime"})

    result = log.append(batch(b"a", b"b", timestamps=[5, 6]))
    sync(log)

    assert result.log_append_time_ms == NOON_MS
    assert [record.timestamp for record in read_all(log)] == [NOON_MS, NOON_MS]
    assert log.offset_for_time(NOON_MS) == (0, NOON_MS)


def test_a_segment_is_sealed_when_it_is_old(logs: LogDirectory, clock: TurnedClock) -> None:
    log = topic(logs, {"segment.ms": "1000"})
    log.append(batch(b"a"))
    assert not log.is_active_aged
    clock.turn(1000)
    assert log.is_active_aged

    log.append(batch(b"b"))

    assert [segment.base_offset for segment in log.segments] == [0, 1]
    assert not log.is_active_aged


def test_an_empty_segment_is_not_sealed(logs: LogDirectory) -> None:
    log = topic(logs)

    log.roll()

    assert len(log.segments) == 1


def test_listeners_are_told_when_more_can_be_read(logs: LogDirectory) -> None:
    log = topic(logs)
    told: list[int] = []
    unsubscribe = log.subscribe(lambda: told.append(log.high_watermark))

    log.append(batch(b"a"))
    assert told == []
    sync(log)
    sync(log)
    assert told == [1]
    unsubscribe()
    append_many(log, 1)
    assert told == [1]


def test_times_are_looked_up_exactly(logs: LogDirectory) -> None:
    log = topic(logs)
    log.append(batch(b"a", b"b", b"c", timestamps=[10, 30, 20]))
    log.append(batch(b"d", timestamps=[40]))
    sync(log)

    assert log.offset_for_time(11) == (1, 30)
    assert log.offset_for_time(31) == (3, 40)
    assert log.offset_for_time(41) is None
    assert log.latest_time() == (3, 40)


def test_a_full_disk_costs_the_batch_and_nothing_else(logs: LogDirectory) -> None:
    log = topic(logs)
    sent = append_many(log, 5)
    size = log.bytes

    with full_disk(at_bytes=size + 50), pytest.raises(StorageError, match="cannot write"):
        log.append(batch(b"too much"))

    assert log.segments[-1].path.stat().st_size == size
    assert values(log) == sent
    assert logs.fault.shortage is not None
    log.append(batch(b"there is room again"))
    sync(log)
    assert logs.fault.shortage is None
    assert values(log) == [*sent, b"there is room again"]


def test_a_producer_may_retry_what_a_full_disk_refused(logs: LogDirectory) -> None:
    log = topic(logs)
    sent = batch(b"a" * 500, producer_id=1, epoch=0, sequence=0)

    with full_disk(at_bytes=50), pytest.raises(StorageError):
        log.append(sent)

    assert log.append(sent).duplicate is False


def test_a_disk_with_no_room_for_another_file_keeps_the_old_segment(
    logs: LogDirectory,
) -> None:
    log = topic(logs, {"segment.ms": "1000"})
    append_many(log, 2)
    (log.directory / "00000000000000000002.log").mkdir()

    with pytest.raises(StorageError, match="cannot begin"):
        log.roll()

    assert len(log.segments) == 1
    (log.directory / "00000000000000000002.log").rmdir()
    log.roll()
    assert len(log.segments) == 2


def test_a_partial_write_that_cannot_be_taken_back_ends_the_service(
    logs: LogDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = topic(logs)
    append_many(log, 1)

    def refuse(*_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pwritev", refuse)
    monkeypatch.setattr(os, "ftruncate", refuse)
    with pytest.raises(StorageError, match="take back"):
        log.append(batch(b"a"))
    monkeypatch.undo()

    with pytest.raises(StorageError, match="out of service"):
        log.append(batch(b"a"))


def test_a_deleted_topic_takes_nothing_more(logs: LogDirectory) -> None:
    log = topic(logs)
    logs.delete_topic("events")

    with pytest.raises(UnknownTopicOrPartition):
        log.append(batch(b"a"))


def test_closing_and_opening_changes_nothing(
    logs: LogDirectory, tmp_path: Path, clock: TurnedClock
) -> None:
    log = topic(logs, SMALL_SEGMENTS)
    sent = append_many(log, 40)
    log.truncate_before(7)
    logs.close()

    again = open_directory(tmp_path, clock)

    log = reopened(again)
    assert (log.log_start_offset, log.high_watermark, log.end_offset) == (7, 40, 40)
    assert values(log) == sent[7:]
    again.let_go()
