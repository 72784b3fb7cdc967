"""A console without bus and store for each test; screens that need them have their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console import TestedConsole


@pytest.fixture
def console(tmp_path: Path) -> Iterator[TestedConsole]:
    made = TestedConsole(tmp_path)
    yield made
    made.database.close()
