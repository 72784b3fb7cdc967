"""What a foreign judge says: one verdict a program.

What we know to fail, and why, is data beside each judge; so a failure that nobody expected is seen
at once, and so is a reason that no longer holds.
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from confluent_kafka import KafkaException

ALL = re.compile("")


class Outcome(StrEnum):
    """How a program ended."""

    PASS = "pass"
    FAIL = "fail"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One program, or one case of it.

    Attributes:
        program: What the judge calls it.
        outcome: How it ended.
        why: For what did not pass: the judge's own words, or the reason that we know.
        is_expected: False for a failure without a known reason, and for a pass in spite of one.
    """

    program: str
    outcome: Outcome
    why: str = ""
    is_expected: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a judge is given.

    Attributes:
        address: Where our broker listens; several addresses, with commas between, for a cluster.
        scratch: An empty folder.
        nodes: How many nodes serve it.
        wanted: Only programs in whose name this is found are run.
    """

    address: str
    scratch: Path
    nodes: int = 1
    wanted: re.Pattern[str] = field(default=ALL)

    def chosen(self, programs: Iterable[str]) -> list[str]:
        """Those that are wanted."""
        return [one for one in programs if self.wanted.search(one)]


def weigh(verdict: Verdict, known: Mapping[str, str]) -> Verdict:
    """The verdict in the light of what is known to fail: name of a program to reason."""
    reason = known.get(verdict.program)
    if verdict.outcome is Outcome.LEFT_OUT:
        return verdict
    if verdict.outcome is Outcome.PASS:
        said = "" if reason is None else f"known to fail: {reason}"
        return Verdict(
            program=verdict.program,
            outcome=Outcome.PASS,
            why=said,
            is_expected=reason is None,
        )
    return Verdict(
        program=verdict.program,
        outcome=Outcome.FAIL,
        why=reason or verdict.why,
        is_expected=reason is not None,
    )


def tried(cases: Mapping[str, Callable[[], None]], known: Mapping[str, str] = {}) -> list[Verdict]:
    """Tell every story; one that fails says what was told."""
    verdicts = []
    for name, case in cases.items():
        try:
            case()
        except (AssertionError, OSError, KafkaException, subprocess.SubprocessError) as error:
            found = Verdict(program=name, outcome=Outcome.FAIL, why=str(error))
        else:
            found = Verdict(program=name, outcome=Outcome.PASS)
        verdicts.append(weigh(found, known))
    return verdicts
