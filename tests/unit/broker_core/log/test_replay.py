"""Producers, transactions and their index after a restart, whatever was lost."""

from pathlib import Path

import pytest

from broker_core.errors import InvalidProducerEpoch
from broker_core.log.file_layout import CHECKPOINT, CLEAN_SHUTDOWN
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from tests.support.partition import (
    batch,
    marker,
    open_directory,
    read_committed,
    reopened,
    sync,
    topic,
)

EXPECTED = [b"plain", b"committed", b"plain again"]


@pytest.fixture
def written(tmp_path: Path) -> LogDirectory:
    """Three segments: a transaction that spans two and is aborted, one committed, one open."""
    logs = open_directory(tmp_path, index_interval_bytes=200)
    log = topic(logs)
    log.append(batch(b"plain"))
    write(log, 1, 0, b"aborted")
    write(log, 2, 0, b"committed")
    log.roll()
    write(log, 1, 1, b"aborted too")
    log.end_transaction(marker(1, committed=False))
    log.end_transaction(marker(2, committed=True))
    sync(log)
    log.roll()
    log.append(batch(b"plain again"))
    write(log, 3, 0, b"undecided")
    log.append(batch(b"after"))
    sync(log)
    assert [one.value for one in read_committed(log)] == EXPECTED
    return logs


def write(log: PartitionLog, producer_id: int, sequence: int, value: bytes) -> None:
    log.append(
        batch(value, producer_id=producer_id, epoch=0, sequence=sequence, transactional=True)
    )


def opened_again(logs: LogDirectory, *, closed: bool) -> tuple[LogDirectory, PartitionLog]:
    if closed:
        logs.close()
    else:
        logs.let_go()
    again = open_directory(logs.path, index_interval_bytes=200)
    return again, reopened(again)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "crashed"])
def test_readers_of_committed_records_see_the_same(written: LogDirectory, closed: bool) -> None:
    logs, log = opened_again(written, closed=closed)

    assert [one.value for one in read_committed(log)] == EXPECTED
    assert log.last_stable_offset == 7
    assert log.open_transactions == {3: 7}
    logs.close()


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "crashed"])
@pytest.mark.parametrize(
    "lost", ["*.txnindex", "*.index", "*.snapshot", "*[!g]", "0*3.snapshot", "0*6.snapshot"]
)
def test_whatever_can_be_rebuilt_may_be_lost(
    written: LogDirectory, closed: bool, lost: str
) -> None:
    directory = reopened(written).directory
    if closed:
        written.close()
    else:
        written.let_go()
    for path in directory.glob(lost):
        if path.name != CHECKPOINT:
            path.write_bytes(b"torn")

    logs = open_directory(written.path, index_interval_bytes=200)

    log = reopened(logs)
    assert [one.value for one in read_committed(log)] == EXPECTED
    assert log.open_transactions == {3: 7}
    logs.close()


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "crashed"])
def test_a_transaction_goes_on_and_ends_after_a_restart(
    written: LogDirectory, closed: bool
) -> None:
    logs, log = opened_again(written, closed=closed)

    write(log, 3, 1, b"decided")
    log.end_transaction(marker(3, committed=True))
    log.append(batch(b"last"))
    sync(log)

    assert [one.value for one in read_committed(log)] == [
        *EXPECTED,
        b"undecided",
        b"after",
        b"decided",
        b"last",
    ]
    logs.close()


def test_aborts_before_and_after_an_orderly_close_are_both_known(written: LogDirectory) -> None:
    log = reopened(written)
    log.end_transaction(marker(3, committed=False))
    sync(log)
    logs, log = opened_again(written, closed=True)
    write(log, 4, 0, b"aborted later")
    log.end_transaction(marker(4, committed=False))
    sync(log)

    logs, log = opened_again(logs, closed=False)

    assert [one.value for one in read_committed(log)] == [*EXPECTED, b"after"]
    logs.close()


def test_an_epoch_that_only_a_marker_named_fences_after_a_restart(written: LogDirectory) -> None:
    log = reopened(written)
    log.end_transaction(marker(3, epoch=1, committed=False))
    sync(log)
    for closed in (False, True):
        written, log = opened_again(written, closed=closed)
        assert not (written.path / CLEAN_SHUTDOWN).exists()
        with pytest.raises(InvalidProducerEpoch):
            write(log, 3, 1, b"zombie")
    written.close()
