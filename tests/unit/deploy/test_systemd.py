"""The systemd unit starts a command line that exists, and systemd accepts it."""

import shlex
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import typer

from appliance.cli import app
from appliance.config import load_configuration

REPOSITORY = Path(__file__).resolve().parents[3]
UNIT = REPOSITORY / "deploy" / "systemd" / "tocsin.service"
MAY_REPEAT = {"Environment"}


def settings() -> list[tuple[str, str]]:
    lines = [line.strip() for line in UNIT.read_text().splitlines()]
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return [(name, value) for name, value in pairs]


def test_no_setting_is_given_twice() -> None:
    repeated = {
        name for name, times in Counter(name for name, _ in settings()).items() if times > 1
    }
    assert repeated <= MAY_REPEAT


def test_it_starts_a_command_with_options_that_exist() -> None:
    program, name, *words = shlex.split(dict(settings())["ExecStart"])
    assert (REPOSITORY / Path(program).name).stat().st_mode & 0o111
    group = typer.main.get_command(app)
    command = getattr(group, "commands")[name]  # noqa: B009 - typer's own click has no types
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_its_environment_names_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(pair.split("=", 1) for pair in shlex.split(dict(settings())["Environment"]))
    assert given["TOCSIN_LOGS"] == "stdout"
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert load_configuration(None).logs == given["TOCSIN_LOGS"]


@pytest.mark.peer("systemd-analyze")
def test_systemd_accepts_it(tmp_path: Path) -> None:
    program = dict(settings())["ExecStart"].split()[0]
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace(program, str(REPOSITORY / "tocsin")))
    analyze = shutil.which("systemd-analyze")
    assert analyze is not None
    ended = subprocess.run(
        [analyze, "verify", "--man=no", str(here)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
