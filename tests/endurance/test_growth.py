"""The growth benchmark in small: it runs, and a crash costs reading what no mark covers."""

import json
import subprocess
import sys
from pathlib import Path

GROWTH = [sys.executable, "-m", "tests.bench.growth"]
SMALL = ["--partitions=40", "--connections=8", "--groups=2", "--gigabytes=0.2", "--seconds=1"]


def test_a_kill_costs_less_reading_with_recovery_marks(tmp_path: Path) -> None:
    ended = subprocess.run(  # our own benchmark
        [*GROWTH, *SMALL, "--scratch", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr

    found = json.loads(ended.stdout)

    assert found["load"]["groups"] == 2
    assert found["load"]["deliveries"] > 0
    assert found["start_after_kill_without_marks"]["read_mib"] > 100
    assert found["start_after_kill"]["read_mib"] < 60
    assert not list(tmp_path.iterdir()), "the log is removed"
