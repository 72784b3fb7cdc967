"""Whether a log directory is still in service."""

import errno

import pytest
from prometheus_client import REGISTRY

from broker_core.errors import StorageError
from broker_core.log.fault import DISK_BUDGET, DISK_FULL, Fault, note_shortage


def test_a_directory_is_in_service_until_something_failed() -> None:
    fault = Fault()

    fault.check()

    assert fault.reason is None


def test_the_first_failure_stands_for_good() -> None:
    fault = Fault()
    fault.set("the first")
    fault.set("the second")

    with pytest.raises(StorageError, match="the first"):
        fault.check()
    assert fault.reason == "the first"


def test_shortages_come_and_go_and_leave_the_directory_in_service() -> None:
    fault = Fault()
    fault.set_shortage(DISK_FULL, "the disk is full")

    fault.check()
    fault.check_budget()
    assert (fault.reason, fault.shortage) == (None, "the disk is full")
    fault.set_shortage(DISK_BUDGET, "over by 5 bytes")
    assert fault.shortage == "the disk is full; over by 5 bytes"
    assert (read_only(DISK_FULL), read_only(DISK_BUDGET)) == (1, 1)
    with pytest.raises(StorageError, match="over by 5 bytes") as refused:
        fault.check_budget()
    assert refused.value.code.is_retriable
    fault.set_shortage(DISK_BUDGET, None)
    fault.set_shortage(DISK_FULL, None)
    fault.check_budget()
    assert fault.shortage is None
    assert (read_only(DISK_FULL), read_only(DISK_BUDGET)) == (0, 0)


def read_only(kind: str) -> float | None:
    return REGISTRY.get_sample_value("kafka_log_logmanager_readonly", {"kind": kind})


@pytest.mark.parametrize(
    ("number", "is_short"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)]
)
def test_only_a_lack_of_space_is_a_shortage(number: int, is_short: bool) -> None:
    fault = Fault()
    refusal = StorageError("cannot write")
    refusal.__cause__ = OSError(number, "whatever")

    note_shortage(fault, refusal)

    assert (fault.shortage is not None) is is_short
