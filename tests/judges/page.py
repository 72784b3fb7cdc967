"""The page that tells what the judges said: ``python -m tests.judges.page FILE…`` prints it.

Each file is what a run of ``./tocsin judges --json FILE`` kept. A program that occurs twice with a
judge and a number of nodes has the verdict of the later file, so that a judge can be run in pieces.
The page lies at ``docs/reference/judges.md``.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.judges.report import Report, cell, nodes, read
from tests.judges.verdict import Outcome, Verdict

HEAD = """\
# Foreign judges

Written by `python -m tests.judges.page` from what runs of `./tocsin judges` kept; do not edit.

Test programs that others wrote, and stories told with clients that others wrote, against our broker
alone and against a cluster of three nodes and a controller. One command runs one of them from a
fresh clone, and fetches what it needs:

    ./tocsin judges librdkafka            # against one node
    ./tocsin judges librdkafka --nodes 3  # against a cluster

A judge that brings brokers of its own (kcat, confluent-kafka, aiokafka: `tests/interop`) is run
once. A failure is expected if the judge's module says why; the command's status tells whether
there was another one.
"""
CLIENTS_OWN = """\
## A client's fault that looks like a broker's

`send_offsets_to_transaction` of librdkafka 2.16.0 (confluent-kafka 2.16.1) hangs for ever, past its
time limit, if the group's coordinator was restarted since the client last asked for it and no other
broker was there meanwhile. The client bootstraps anew and gives up its handle of the broker
(`metadata.recovery.strategy=rebootstrap`, the default), but its cache still names that handle as
the coordinator, and it waits for a connection of a handle that is terminating
([5511](https://github.com/confluentinc/librdkafka/issues/5511)); nor does it look at the call's
time limit there ([5456](https://github.com/confluentinc/librdkafka/issues/5456)).

One transaction, the only broker killed -9 and started, the next transaction, twice each: against
ours 2 of 2 hung, against Apache Kafka 4.3.1 2 of 2; with `metadata.recovery.strategy=none` 0 of 2
and 0 of 2: the call ended with an error, which the next transaction gets over. So it is the
client's fault, and the setting is the way around it.
"""


def page(reports: Iterable[Report]) -> str:
    """Counts, then what failed, what was left out, what passed."""
    told = _joined(reports)
    return "\n".join(
        [
            HEAD,
            *_counts(told),
            *_section("What failed, and why", _reasons(told, Outcome.FAIL)),
            *_section("What is left out, and why", _reasons(told, Outcome.LEFT_OUT)),
            *_section("What passed", _passed(told)),
            CLIENTS_OWN,
        ]
    )


def _joined(reports: Iterable[Report]) -> list[Report]:
    """One report a judge and number of nodes; the later verdict on a program counts."""
    joined: dict[tuple[str, int], Report] = {}
    for report in reports:
        known = joined.get((report.judge, report.nodes), report)
        verdicts = {one.program: one for one in (*known.verdicts, *report.verdicts)}
        joined[report.judge, report.nodes] = replace(report, verdicts=tuple(verdicts.values()))
    return [joined[key] for key in sorted(joined)]


def _counts(reports: Sequence[Report]) -> list[str]:
    lines = [
        "| Judge | Version | Judged | Passed | Failed | Left out |",
        "|---|---|---|---|---|---|",
    ]
    for one in reports:
        passed, failed, left_out = (one.count(outcome) for outcome in Outcome)
        lines.append(
            f"| {one.judge} | {one.version} | {nodes(one.nodes)}"
            f" | {passed} | {failed} | {left_out} |"
        )
    return [*lines, ""]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *(lines or ["Nothing."]), ""]


def _reasons(reports: Sequence[Report], outcome: Outcome) -> list[str]:
    """One row a judge and reason, with the programs that share it."""
    shared: dict[tuple[str, str], dict[str, set[int]]] = {}
    for report in reports:
        for one in report.verdicts:
            if one.outcome is outcome:
                programs = shared.setdefault((report.judge, _why(one)), {})
                programs.setdefault(one.program, set()).add(report.nodes)
    if not shared:
        return []
    rows = [
        f"| {judge} | {_listed(programs)} | {_where(set().union(*programs.values()))} | {why} |"
        for (judge, why), programs in shared.items()
    ]
    return ["| Judge | Programs | Judged | Why |", "|---|---|---|---|", *rows]


def _why(verdict: Verdict) -> str:
    why = cell(verdict.why)
    return why if verdict.is_expected else f"unexpected: {why}"


def _listed(programs: Iterable[str]) -> str:
    """Names that may have commas of their own."""
    return " · ".join(cell(program) for program in sorted(programs))


def _where(found: set[int]) -> str:
    return " and ".join(nodes(count) for count in sorted(found))


def _passed(reports: Sequence[Report]) -> list[str]:
    """Every program by its name, once a judge."""
    by_judge: dict[str, set[str]] = {}
    for report in reports:
        names = {one.program for one in report.verdicts if one.outcome is Outcome.PASS}
        by_judge.setdefault(report.judge, set()).update(names)
    return [f"- **{judge}**: {_listed(names)}" for judge, names in by_judge.items() if names]


if __name__ == "__main__":
    sys.stdout.write(page(report for name in sys.argv[1:] for report in read(Path(name))))
