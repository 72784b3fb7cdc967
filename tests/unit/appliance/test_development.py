"""The whole suite in three runs, and what becomes of a real-process test that fails once."""

import tomllib
from pathlib import Path

import pytest

from appliance import development

REPOSITORY = Path(development.__file__).resolve().parent.parent
PASSES = "def test_passes():\n    pass\n"
FAILS_ONCE = """
from pathlib import Path

def test_fails_once():
    before = Path(__file__).with_suffix(".ran")
    is_second = before.exists()
    before.touch()
    assert is_second
"""
FAILS = "def test_fails():\n    assert False\n"


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite with one passing test wherever the real one has tests."""
    monkeypatch.setattr(development, "ROOT", tmp_path)
    for number, folder in enumerate((*development.WITHIN, *development.BESIDE, *development.ALONE)):
        place = tmp_path / folder
        place.mkdir(parents=True)
        (place / f"test_{number}.py").write_text(PASSES)
    return tmp_path


def test_the_runs_together_are_the_whole_suite() -> None:
    options = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["pytest"]
    modules = (REPOSITORY / "tests").rglob("test_*.py")

    expected = {f"tests/{path.relative_to(REPOSITORY).parts[1]}" for path in modules}
    expected |= {folder for folder in options["ini_options"]["testpaths"] if folder != "tests"}

    assert {*development.WITHIN, *development.BESIDE, *development.ALONE} == expected


def test_processes_that_fail_once_are_run_again_and_named(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (suite / "tests/processes/test_race.py").write_text(FAILS_ONCE)

    status = development.run_tests([], with_peers=False)

    said = capfd.readouterr()
    assert status == 0
    assert "1 failed" in said.out
    assert "UNSTABLE" in said.err
    assert "tests/processes/test_race.py::test_fails_once" in said.err


def test_who_talks_to_processes_gets_a_second_try_as_well(
    suite: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (suite / "tests/contract/test_race.py").write_text(FAILS_ONCE)

    status = development.run_tests([], with_peers=False)

    assert status == 0
    assert "tests/contract/test_race.py::test_fails_once" in capfd.readouterr().err


def test_processes_that_fail_again_have_failed(suite: Path) -> None:
    (suite / "tests/processes/test_race.py").write_text(FAILS_ONCE)
    (suite / "tests/contract/test_wrong.py").write_text(FAILS)

    assert development.run_tests([], with_peers=False) == development.TESTS_FAILED


def test_many_failures_are_no_chance(suite: Path) -> None:
    for number in range(development.MOST_UNSTABLE + 1):
        (suite / f"tests/interop/test_race_{number}.py").write_text(FAILS_ONCE)

    assert development.run_tests([], with_peers=False) == development.TESTS_FAILED


def test_nothing_within_a_process_is_given_a_second_try(suite: Path) -> None:
    (suite / "tests/unit/test_race.py").write_text(FAILS_ONCE)

    assert development.run_tests([], with_peers=False) == development.TESTS_FAILED
