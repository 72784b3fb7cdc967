"""Golden files: what was recorded and reviewed; ``pytest tests/golden --update-golden`` records."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Golden = Callable[[Path, object], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="record golden files; review the diff"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a value with a recorded JSON file, or records it."""
    update = request.config.getoption("--update-golden", default=False)

    def check(path: Path, value: object) -> None:
        if update:
            path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
        assert path.exists(), f"{path.name} is not recorded: pytest tests/golden --update-golden"
        assert value == json.loads(path.read_text())

    return check
