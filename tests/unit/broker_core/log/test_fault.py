"""Whether a log directory is still in service."""

import pytest

from broker_core.errors import StorageError
from broker_core.log.fault import Fault


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
