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


@pytest.mark.process
@pytest.mark.parametrize(
    ("secret", "arguments", "said"),
    [
        (None, (), "needs --secret-file"),
        ("short", ("--secret-file", "secret"), "holds no secret"),
    ],
)
def test_a_controller_without_a_secret_does_not_start(
    tmp_path: Path, secret: str | None, arguments: tuple[str, ...], said: str
) -> None:
    if secret is not None:
        (tmp_path / "secret").write_text(secret)
    named = [str(tmp_path / each) if each == "secret" else each for each in arguments]
    command = [sys.executable, "-m", "broker_core", "--data-dir", str(tmp_path / "data")]
    finished = subprocess.run(
        [*command, "--listen", "127.0.0.1:0", "--controller", *named],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
    )

    assert finished.returncode == 1
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr
