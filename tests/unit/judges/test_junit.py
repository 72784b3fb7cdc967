"""What pytest reports is read as verdicts."""

from pathlib import Path

from tests.judges.junit import verdicts
from tests.judges.verdict import Outcome

REPORT = """\
<testsuites><testsuite>
<testcase name="test_fetch"/>
<testcase name="test_share"><skipped message="no share groups"/></testcase>
<testcase name="test_produce"><failure message="assert 1 == 2">…</failure></testcase>
<testcase name="test_quorum"><error message="no such API">…</error></testcase>
</testsuite></testsuites>
"""


def test_every_test_has_its_result_and_what_was_said(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)

    found = {one.program: (one.outcome, one.why) for one in verdicts(report, {"test_quorum": "—"})}

    assert found == {
        "test_fetch": (Outcome.PASS, ""),
        "test_share": (Outcome.LEFT_OUT, "no share groups"),
        "test_produce": (Outcome.FAIL, "assert 1 == 2"),
        "test_quorum": (Outcome.LEFT_OUT, "—"),
    }


def test_a_report_that_is_missing_or_empty_is_a_failure(tmp_path: Path) -> None:
    empty = tmp_path / "empty.xml"
    empty.write_text("<testsuites/>")

    for report in (empty, tmp_path / "missing.xml"):
        assert [one.outcome for one in verdicts(report)] == [Outcome.FAIL]
