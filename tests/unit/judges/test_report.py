"""A report is kept and told; several become a page."""

from pathlib import Path

from tests.judges.page import page
from tests.judges.report import Report, read, table, write
from tests.judges.verdict import Outcome, Verdict

VERDICTS = (
    Verdict(program="a", outcome=Outcome.PASS),
    Verdict(program="b", outcome=Outcome.LEFT_OUT, why="no such | API\nand more"),
    Verdict(program="c", outcome=Outcome.FAIL, why="odd", is_expected=False),
)
ALONE = Report(judge="judge", version="1.2", nodes=1, verdicts=VERDICTS)
CLUSTER = Report(
    judge="judge",
    version="1.2",
    nodes=3,
    verdicts=(
        Verdict(program="b", outcome=Outcome.LEFT_OUT, why="no such | API"),
        Verdict(program="d", outcome=Outcome.LEFT_OUT, why="no such | API"),
    ),
)


def test_the_table_counts_and_shows_the_unexpected_first() -> None:
    lines = table(ALONE).splitlines()

    assert lines[0] == "## judge 1.2, one node: 1 passed, 1 failed (1 unexpected), 1 left out"
    assert lines[4:] == [
        "| judge | c | fail, unexpected | odd |",
        "| judge | b | left out | no such / API |",
        "| judge | a | pass |  |",
    ]


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "kept.json", [ALONE, CLUSTER])

    assert read(tmp_path / "kept.json") == [ALONE, CLUSTER]


def test_the_page_counts_and_gives_a_reason_once() -> None:
    lines = page([ALONE, CLUSTER]).splitlines()

    assert "| judge | 1.2 | one node | 1 | 1 | 1 |" in lines
    assert "| judge | 1.2 | 3 nodes | 0 | 0 | 2 |" in lines
    assert "| judge | c | one node | unexpected: odd |" in lines
    assert "| judge | b · d | one node and 3 nodes | no such / API |" in lines
    assert "- **judge**: a" in lines


def test_of_two_verdicts_on_a_program_the_later_counts() -> None:
    again = (Verdict(program="c", outcome=Outcome.PASS),)
    later = Report(judge="judge", version="1.2", nodes=1, verdicts=again)

    lines = page([ALONE, later]).splitlines()

    assert "| judge | 1.2 | one node | 2 | 0 | 1 |" in lines
    assert "- **judge**: a · c" in lines
    assert not any("odd" in line for line in lines)
