"""Consoles: one without bus and store for each test, and one over real ones, started once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console import TestedConsole
from tests.support.filled import Backends


@pytest.fixture
def console(tmp_path: Path) -> Iterator[TestedConsole]:
    made = TestedConsole(tmp_path)
    yield made
    made.database.close()


@pytest.fixture(scope="package")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    with Backends(tmp_path_factory.mktemp("backends")) as running:
        yield running


@pytest.fixture
def filled(tmp_path: Path, backends: Backends) -> Iterator[TestedConsole]:
    """A console over a broker and a store with a company's hour in them."""
    made = TestedConsole(tmp_path, backends.pipeline)
    yield made
    made.database.close()
