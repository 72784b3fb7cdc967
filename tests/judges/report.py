"""What one judge said of one ground: kept as JSON, told as a table."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.judges.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One judge's verdicts.

    Attributes:
        judge: Its name, as on the command line.
        version: Of the program or client that judges.
        nodes: How many of ours were judged.
        verdicts: One a program.
    """

    judge: str
    version: str
    nodes: int
    verdicts: tuple[Verdict, ...]

    def count(self, outcome: Outcome) -> int:
        """How many programs ended that way."""
        return sum(one.outcome is outcome for one in self.verdicts)


def write(path: Path, reports: Iterable[Report]) -> None:
    """Keep them in a file."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(list(reports)), indent=1))


def read(path: Path) -> list[Report]:
    """What a file keeps."""
    return msgspec.json.decode(path.read_bytes(), type=list[Report])


def table(report: Report) -> str:
    """A Markdown table: a line of counts, then every program, what did not pass first."""
    unexpected = sum(not one.is_expected for one in report.verdicts)
    name = report.judge
    lines = [
        f"## {name} {report.version}, {nodes(report.nodes)}: {report.count(Outcome.PASS)} passed,"
        f" {report.count(Outcome.FAIL)} failed ({unexpected} unexpected),"
        f" {report.count(Outcome.LEFT_OUT)} left out",
        "",
        "| judge | program | outcome | why |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {cell(one.program)} | {_outcome(one)} | {cell(one.why)} |"
        for one in sorted(report.verdicts, key=_rank)
    ]
    return "\n".join([*lines, ""])


def nodes(count: int) -> str:
    """A number of nodes in words."""
    return "one node" if count == 1 else f"{count} nodes"


def cell(text: str) -> str:
    """A text as one cell: its first line, not too long."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].strip().replace("|", "/")[:240] if lines else ""


def _rank(verdict: Verdict) -> tuple[bool, int, str]:
    order = (Outcome.FAIL, Outcome.LEFT_OUT, Outcome.PASS)
    return verdict.is_expected, order.index(verdict.outcome), verdict.program


def _outcome(verdict: Verdict) -> str:
    return str(verdict.outcome) if verdict.is_expected else f"{verdict.outcome}, unexpected"
