"""Clients whose library brings them to an end are replaced; nobody else is."""

import os
import signal
from pathlib import Path

import pytest

from tests.chaos.clients import Client
from tests.chaos.history import read_history
from tests.support.waiting import until

NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("end", "how"), [(signal.SIGABRT, "aborted"), (signal.SIGALRM, "hung")], ids=str
)
def test_a_client_whose_library_fails_is_replaced(
    end: signal.Signals, how: str, tmp_path: Path
) -> None:
    journal = tmp_path / "producer-0.jsonl"
    client = Client("producer", NOWHERE, journal, "--number", "0", is_replaced=True)
    first = client.pid
    os.kill(first, end)

    def is_replaced() -> bool:
        client.tend()
        return client.pid != first

    until(is_replaced, "another process goes on")
    client.kill()
    assert read_history([journal]).deaths == [("producer-0", how)]


def test_a_client_that_ends_in_another_way_is_an_error(tmp_path: Path) -> None:
    client = Client("producer", NOWHERE, tmp_path / "p.jsonl", "--nonsense", is_replaced=True)

    with pytest.raises(AssertionError, match="p ended with 2"):
        client.await_end()
