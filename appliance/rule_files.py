"""``tocsin rules test``: what can be said of rule files while nothing runs."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from detections.rule_set import load
from detections.rule_tests import run_tests
from detections.rule_watch import directories_of, processing_of
from detections.settings import DetectionSettings


def say_tests(paths: Sequence[Path], settings: DetectionSettings, out: TextIO) -> int:
    """Run the tests beside rules and print what fails; 1 if anything does.

    Args:
        paths: Directories and files; none: where the product has its rules from.
        settings: Those of the product.
        out: Where to print.
    """
    processing = processing_of(settings).read()
    run = run_tests(paths or _places(settings), partial(load, processing=processing))
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


def _places(settings: DetectionSettings) -> list[Path]:
    """The directories of the product that are there."""
    return [path for path in directories_of(settings) if path.exists()]
