"""Log lines: written as they come, and never the reason why a process fails."""

import contextlib
import os
from pathlib import Path
from typing import TextIO

import structlog
from prometheus_client import REGISTRY

from appliance.logs import Lines

FULL = Path("/dev/full")  # every write is refused for lack of space


def lost() -> float:
    return REGISTRY.get_sample_value("tocsin_log_lines_lost_total") or 0.0


def close(file: TextIO) -> None:
    """Close what cannot be written to; what waits in it is lost."""
    with contextlib.suppress(OSError):
        file.close()


def test_a_line_is_there_at_once(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file:
        Lines(file).write("one\n")

        assert (tmp_path / "log").read_text() == "one\n"


def test_lines_for_a_full_disk_are_lost_and_counted() -> None:
    before = lost()
    file = FULL.open("w")
    logger = structlog.WriteLogger(Lines(file))  # type: ignore[arg-type] # it writes and flushes

    for _ in range(3):
        logger.info("{}")

    assert lost() == before + 3
    Lines(file).flush()
    close(file)


def test_lines_that_nobody_reads_any_more_are_lost_and_counted() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    before = lost()
    file = os.fdopen(writing, "w")

    Lines(file).write("hello\n")

    assert lost() == before + 1
    close(file)
