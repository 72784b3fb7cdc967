"""Development: tests, checks, benchmarks, as one word each.

These run the tools of the development environment in the checkout that ``TOCSIN_ROOT`` names.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(os.environ.get("TOCSIN_ROOT", Path(__file__).parent.parent))
PEER_PACKAGES = (
    "bsdutils",
    "chromium",
    "curl",
    "kcat",
    "prometheus",
    "rsyslog",
    "rsyslog-gnutls",
    "rsyslog-kafka",
)
JAVA_PACKAGES = {"java": "openjdk-17-jre-headless", "mvn": "maven"}
MAVEN_PEERS = ("kafka",)
BESIDE = ("tests/contract", "tests/endurance", "tests/interop")
"""Tests that talk to real processes, our own or foreign ones; two files at a time."""
ALONE = ("tests/processes",)
"""Tests that kill, starve and stop processes; one after the other."""
WITHIN = (
    *("appliance", "broker_core", "detections", "pipeline", "web"),
    *("tests/architecture", "tests/golden", "tests/property", "tests/unit"),
)
ON_EVERY_CORE = ("--numprocesses=logical", "--dist=loadfile")
TESTS_FAILED = 1
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
MOST_UNSTABLE = 3


def run_tests(arguments: Sequence[str], *, with_peers: bool) -> int:
    """Run pytest; the summary names every skipped test and why.

    The whole suite is three runs: what needs no process of its own, on every core at once; what
    talks to real processes, likewise; then what harms them, one test after the other. Of the latter
    two a few that failed are run again (:func:`_run_again`).

    Args:
        arguments: Handed to pytest; none means the whole suite.
        with_peers: First install what the interop tests talk to, and let nothing skip.
    """
    environment = dict(os.environ)
    if with_peers:
        if status := _install_peers():
            return status
        environment["TOCSIN_REQUIRE_PEERS"] = "1"
    if arguments:
        return _pytest(arguments, environment)
    within = _pytest([*ON_EVERY_CORE, *WITHIN], environment)
    beside = _given_a_second_try([*ON_EVERY_CORE, *BESIDE], environment)
    alone = _given_a_second_try(ALONE, environment)
    return within or beside or alone


def _given_a_second_try(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    status = _pytest(["--cache-clear", *arguments], environment)
    return _run_again(environment) if status == TESTS_FAILED else status


def _pytest(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-rs", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _run_again(environment: Mapping[str, str]) -> int:
    """Run the tests that failed once more, if they are few; name those that pass now.

    What they said the first time stands above. Decision 19 says why, and what it obliges to.

    Returns:
        0 if all of them pass; pytest's status otherwise.
    """
    failed = sorted(json.loads((ROOT / LAST_FAILED).read_text()))
    if len(failed) > MOST_UNSTABLE:
        return TESTS_FAILED
    if status := _pytest(failed, environment):
        return status
    names = "".join(f"  {name}\n" for name in failed)
    sys.stderr.write(f"UNSTABLE: failed, then passed alone; each is a defect to mend:\n{names}")
    return 0


def _install_peers() -> int:
    """Install the Debian packages and fetch what Maven has; 0 if all is there afterwards."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.stderr.write("--with-peers installs Debian packages: it needs apt-get and root.\n")
        return 2
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    java = [package for program, package in JAVA_PACKAGES.items() if not shutil.which(program)]
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PEER_PACKAGES, *java]
    fetch = [sys.executable, "-m", "tests.support.maven", *MAVEN_PEERS]
    for command in (["apt-get", "update", "-qq"], install, fetch):
        outcome = subprocess.run(
            command, env=environment, stdout=subprocess.DEVNULL, cwd=ROOT, check=False
        )
        if outcome.returncode:
            return outcome.returncode
    return 0


def run_checks() -> int:
    """Every check in turn, all of them even if one fails; 0 if all pass."""
    tool = Path(sys.executable).parent
    commands = (
        ["ruff", "format", "--check", "."],
        ["ruff", "check", "."],
        ["mypy"],
        ["lint-imports", "--no-cache"],
    )
    failed = 0
    for name, *options in commands:
        sys.stderr.write(f"── {name} {' '.join(options)}\n")
        outcome = subprocess.run([str(tool / name), *options], cwd=ROOT, check=False)
        failed += outcome.returncode != 0
    return 1 if failed else 0


def run_benchmark(name: str, arguments: Sequence[str]) -> int:
    """Run ``tests/bench/<name>.py``."""
    script = ROOT / "tests" / "bench" / f"{name}.py"
    if not script.is_file():
        known = sorted(path.stem for path in script.parent.glob("*.py") if path.stem[0] != "_")
        sys.stderr.write(f"There is no benchmark {name}; there are: {', '.join(known)}.\n")
        return 2
    command = [sys.executable, "-m", f"tests.bench.{name}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def run_judges(arguments: Sequence[str]) -> int:
    """Run test programs that others wrote against our broker; all of them by default."""
    command = [sys.executable, "-m", "tests.judges", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode
