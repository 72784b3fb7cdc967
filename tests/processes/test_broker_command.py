"""``python -m broker_core`` says what keeps it from starting."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.process
@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("0.0.0.0:0", "0.0.0.0 is not a loopback address"),
        ("nowhere:0", "'nowhere' does not appear to be"),
        ("127.0.0.1:http", "invalid literal"),
    ],
)
def test_an_address_it_cannot_use_is_named(tmp_path: Path, listen: str, said: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "broker_core", "--data-dir", str(tmp_path), "--listen", listen],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
    )

    assert finished.returncode == 1
    assert finished.stderr.startswith("broker_core: ")
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr
