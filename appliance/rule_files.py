"""``tocsin rules test``, ``check``, ``convert``: what rule files are, while nothing runs."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import msgspec

from detections.processing import ProcessingSources
from detections.rule_check import SEVERITIES, Severity, check
from detections.rule_convert import convert
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


def say_issues(
    paths: Sequence[Path],
    settings: DetectionSettings,
    at_least: Severity,
    out: TextIO,
    *,
    as_json: bool,
) -> int:
    """Print what is wrong or doubtful in rules; 1 if anything is.

    Args:
        paths: Directories and files; none: where the product has its rules from.
        settings: Those of the product.
        at_least: What is less severe is neither printed nor counted.
        out: Where to print.
        as_json: One JSON document instead of a line each.
    """
    rule_set = load(paths or _places(settings), processing=processing_of(settings).read())
    issues = check(rule_set, at_least=at_least)
    if as_json:
        out.write(msgspec.json.encode(issues).decode() + "\n")
        return 1 if issues else 0
    for issue in issues:
        out.write(f"{issue}\n")
    counted = Counter(issue.severity for issue in issues)
    said = ", ".join(f"{counted[one]} {one}" for one in reversed(SEVERITIES) if counted[one])
    rules = len(rule_set.rules) + len(rule_set.correlations)
    out.write(f"{rules} rules and correlations loaded; {said or 'nothing to say of them'}\n")
    return 1 if issues else 0


def say_converted(
    paths: Sequence[Path],
    settings: DetectionSettings,
    target: str,
    output_format: str,
    pipelines: Sequence[str],
    out: TextIO,
    err: TextIO,
) -> int:
    """Print rules in another query language; 1 if one cannot be expressed.

    Args:
        paths: Directories and files; none: where the product has its rules from.
        settings: Those of the product.
        target: A backend.
        output_format: One of its formats.
        pipelines: Files, directories or names of pySigma pipelines to apply.
        out: Where to print queries.
        err: What could not be converted.
    """
    found = convert(
        load(paths or _places(settings), processing=processing_of(settings).read()),
        target,
        output_format=output_format,
        processing=ProcessingSources(pipelines=pipelines).read(),
    )
    out.write("\n".join(f"{query.rstrip()}\n" for query in found.output))
    for problem in found.problems:
        err.write(f"{problem}\n")
    err.write(f"{found.rules} rules and correlations converted, {len(found.problems)} not\n")
    return 1 if found.problems else 0


def _places(settings: DetectionSettings) -> list[Path]:
    """The directories of the product that are there."""
    return [path for path in directories_of(settings) if path.exists()]
