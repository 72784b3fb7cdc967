"""``tocsin rules test``: what can be said of rule files while nothing runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from detections.rule_tests import run_tests


def say_tests(paths: Sequence[Path], out: TextIO) -> int:
    """Run the tests beside rules and print what fails; 1 if anything does."""
    run = run_tests(paths)
    for problem in run.problems:
        out.write(f"{problem}\n")
    for failure in run.failures:
        out.write(f"{failure}\n")
    said = [f"{run.passed} cases passed", f"{len(run.failures)} failed"]
    if run.problems:
        said.append(f"{len(run.problems)} problems")
    if run.untested:
        said.append(f"{len(run.untested)} rule files without tests")
    out.write(", ".join(said) + "\n")
    return 0 if run.holds else 1
