"""Every format version that a release has written can be read, closed in order or not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_core.coordinator.offsets import OffsetStore
from broker_core.coordinator.producer_ids import BLOCK_IDS, ProducerIds
from broker_core.log.file_layout import CLEAN_SHUTDOWN, FORMAT_VERSION
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from tests.support.partition import (
    NOON_MS,
    TurnedClock,
    batch,
    open_directory,
    read_all,
    reopened,
)

HERE = Path(__file__).parent
VERSIONS = sorted(path.name for path in HERE.glob("v*"))


@pytest.fixture(params=[f"{one} {end}" for one in VERSIONS for end in ("closed", "crashed")])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LogDirectory]:
    """A copy of what that release wrote, opened by this one."""
    version, end = request.param.split()
    shutil.copytree(HERE / version, tmp_path / "data")
    if end == "crashed":
        (tmp_path / "data" / CLEAN_SHUTDOWN).unlink()
    opened = open_directory(tmp_path / "data", index_interval_bytes=200)
    yield opened
    opened.let_go()


def test_there_is_a_directory_of_this_version() -> None:
    assert f"v{FORMAT_VERSION}" in VERSIONS


def test_records_are_read_as_they_were_written(logs: LogDirectory) -> None:
    log = reopened(logs)

    assert (log.log_start_offset, log.high_watermark) == (5, 60)
    assert [(record.offset, record.value, record.timestamp) for record in read_all(log)] == [
        (offset, b"event %d" % offset, NOON_MS + offset // 2) for offset in range(5, 60)
    ]
    assert log.offset_for_time(NOON_MS + 20) == (40, NOON_MS + 20)
    assert log.config.retention_ms == -1


def test_an_idempotent_producer_goes_on_where_it_stopped(logs: LogDirectory) -> None:
    log = reopened(logs)
    times = [NOON_MS + 29] * 2

    again = log.append(
        batch(b"event 58", b"event 59", timestamps=times, producer_id=1, epoch=0, sequence=58)
    )

    assert (again.base_offset, again.duplicate) == (58, True)
    next_one = log.append(batch(b"event 60", producer_id=1, epoch=0, sequence=60))
    assert (next_one.base_offset, next_one.duplicate) == (60, False)


def test_a_compacted_topic_has_the_last_of_each_key(logs: LogDirectory) -> None:
    log = logs.get("control", 0)
    assert log is not None

    assert [(one.offset, one.key, one.value) for one in read_all(log)] == [
        (4, b"even", b"4"),
        (5, b"odd", b"5"),
    ]


async def test_committed_offsets_and_producer_ids_are_known(logs: LogDirectory) -> None:
    commit = GroupCommit(logs.fault)

    offsets = OffsetStore.open(logs, commit, TurnedClock(), partitions=1)

    committed = offsets.of("readers")["events", 0]
    assert (committed.offset, committed.leader_epoch, committed.metadata) == (42, 0, "a note")
    assert await ProducerIds(logs.path).allocate() == BLOCK_IDS
    await commit.close()
