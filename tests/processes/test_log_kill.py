"""kill -9 in the middle of appending: what was acknowledged is there, once, and in order."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from broker_core.errors import OutOfOrderSequence
from broker_core.log.log_directory import LogDirectory
from tests.support.log_writer import SETTINGS, numbered
from tests.support.partition import TurnedClock, read_all, reopened

REPOSITORY = Path(__file__).resolve().parents[2]
ROUNDS = 10


def written_until_killed(directory: Path, lines: int) -> dict[int, int]:
    """Start a writer, kill it after so many acknowledgements; return sequence to offset."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.support.log_writer", str(directory)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert writer.stdout is not None
    with writer:
        acknowledged = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        acknowledged += writer.stdout.readlines()
    whole = [line for line in acknowledged if line.endswith("\n")]
    pairs = [line.split() for line in whole]
    return {int(sequence): int(offset) for offset, sequence in pairs}


@pytest.mark.process
def test_acknowledged_records_survive_a_killed_writer(tmp_path: Path) -> None:
    chance = random.Random(20260301)
    acknowledged: dict[int, int] = {}
    for _ in range(ROUNDS):
        acknowledged |= written_until_killed(tmp_path, chance.randrange(5, 120))

        logs = LogDirectory(tmp_path, SETTINGS, TurnedClock())
        log = reopened(logs)
        records = read_all(log)
        assert [record.offset for record in records] == list(range(log.end_offset))
        found = {int((record.value or b"").split()[1]): record.offset for record in records}
        assert len(found) == len(records), "nothing is there twice"
        assert found.items() >= acknowledged.items()

        last = log.end_offset - 1
        assert log.append(numbered(last)).duplicate, "a retry after the crash is recognised"
        with pytest.raises(OutOfOrderSequence):
            log.append(numbered(last + 2))
        logs.let_go()
    assert len(acknowledged) >= ROUNDS * 5
