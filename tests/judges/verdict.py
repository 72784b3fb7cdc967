"""What a foreign judge says: one verdict a case, and the table that people read."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a case ended."""

    PASS = "pass"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One case.

    Attributes:
        case: What the judge calls it.
        outcome: How it ended.
        why: For what did not pass: the judge's own words, or why we leave it out.
    """

    case: str
    outcome: Outcome
    why: str = ""


def table(judge: str, verdicts: Sequence[Verdict]) -> str:
    """A Markdown table: a line of counts, then every case that did not pass."""
    counts = {outcome: sum(one.outcome is outcome for one in verdicts) for outcome in Outcome}
    lines = [
        f"## {judge}: {counts[Outcome.PASS]} passed, {counts[Outcome.FAIL]} failed,"
        f" {counts[Outcome.SKIP]} skipped",
        "",
        "| case | outcome | why |",
        "|---|---|---|",
    ]
    lines += [
        f"| {one.case} | {one.outcome} | {_cell(one.why)} |"
        for one in sorted(verdicts, key=lambda one: (one.outcome, one.case))
    ]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    """A text as one cell: its first line, not too long."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].strip().replace("|", "/")[:160] if lines else ""
