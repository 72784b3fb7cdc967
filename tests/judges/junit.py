"""What pytest's own report (JUnit XML) says, as verdicts."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from tests.judges.verdict import Outcome, Verdict


def verdicts(report: Path, left_out: Mapping[str, str] = {}) -> list[Verdict]:
    """A verdict for each test, in the order they ran; a failure if there is none.

    Args:
        report: Where pytest wrote it; a file that is missing means that pytest broke.
        left_out: Tests that need not pass, and why.
    """
    if not report.is_file():
        return [Verdict(program="pytest", outcome=Outcome.FAIL, why="no report")]
    found = [_verdict(case, left_out) for case in ElementTree.parse(report).iter("testcase")]
    return found or [Verdict(program="pytest", outcome=Outcome.FAIL, why="no test was found")]


def _verdict(case: ElementTree.Element, left_out: Mapping[str, str]) -> Verdict:
    name = case.attrib["name"]
    for kind in ("skipped", "failure", "error"):
        found = case.find(kind)
        if found is None:
            continue
        if name in left_out:
            return Verdict(program=name, outcome=Outcome.LEFT_OUT, why=left_out[name])
        outcome = Outcome.LEFT_OUT if kind == "skipped" else Outcome.FAIL
        return Verdict(program=name, outcome=outcome, why=found.attrib.get("message", ""))
    return Verdict(program=name, outcome=Outcome.PASS)
