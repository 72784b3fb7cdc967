"""From a time to an offset, exactly."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.log import time_lookup
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.protocol.compression import Codec
from tests.support.partition import batch, open_directory, sync, topic

TIMES = [[50, 10], [20], [90, 91], [30], [70, 80], [91]]


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[LogDirectory]:
    opened = open_directory(tmp_path)
    yield opened
    opened.let_go()


@pytest.fixture
def log(logs: LogDirectory) -> PartitionLog:
    """Times that jump back and forth, over three segments, compressed."""
    made = topic(logs)
    for number, times in enumerate(TIMES):
        made.append(batch(*[b"x"] * len(times), timestamps=times, codec=Codec.ZSTD))
        if number % 2:
            made.roll()
    sync(made)
    return made


@pytest.mark.parametrize("target", range(0, 95, 5))
def test_finds_the_first_record_at_or_after(log: PartitionLog, target: int) -> None:
    flat = [time for times in TIMES for time in times]
    expected = next(((at, time) for at, time in enumerate(flat) if time >= target), None)

    assert log.offset_for_time(target) == expected


def test_the_latest_time_is_that_of_the_first_record_that_has_it(log: PartitionLog) -> None:
    assert log.latest_time() == (4, 91)


def test_what_is_before_the_log_start_or_not_durable_does_not_count(log: PartitionLog) -> None:
    log.truncate_before(5)
    log.append(batch(b"not yet", timestamps=[99]))

    assert log.offset_for_time(85) == (8, 91)
    assert log.offset_for_time(95) is None
    assert log.latest_time() == (8, 91)


def test_an_empty_log_has_no_times(logs: LogDirectory) -> None:
    log = topic(logs)

    assert log.offset_for_time(0) is None
    assert log.latest_time() is None


def test_a_segment_that_is_removed_meanwhile_is_passed_over(log: PartitionLog) -> None:
    segments = list(log.segments)
    segments[0].indexes.times  # noqa: B018 - the index is in memory, the file goes
    segments[0].path.unlink()

    assert time_lookup.first_at(segments, 60, 0, log.high_watermark) == (3, 90)


async def test_can_be_asked_from_a_thread(log: PartitionLog) -> None:
    assert await asyncio.to_thread(log.offset_for_time, 90) == (3, 90)
