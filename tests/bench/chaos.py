"""A cluster under faults, held against what it promised.

``./tocsin bench chaos [--nodes 3] [--faults 200] [--minutes M] [--seed N] [--kind NAME ...]
[--keep DIR]`` as root; JSON out: every fault with its observed effect, and every anomaly; status 1
if there is any.
``./tocsin bench chaos --bug NAME`` seeds a bug and runs the shortest plan that must show it; with
``--without`` the same plan without the bug.
"""

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from tests.chaos.clients import Crew
from tests.chaos.directed import DIRECTED
from tests.chaos.faults import FAULTS
from tests.chaos.hosts import why_impossible
from tests.chaos.run import Plan, run
from tests.chaos.seeded_bugs import BUGS
from tests.chaos.watch import Effect


def main() -> None:
    """Parse the arguments, run, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="no fault after that")
    parser.add_argument("--plain", type=int, default=2, help="producers without transactions")
    parser.add_argument("--transactional", type=int, default=2, help="producers with them")
    parser.add_argument("--zombies", type=int, default=1, help="pairs that share an id")
    parser.add_argument("--no-copier", action="store_true", help="nobody copies")
    parser.add_argument("--kind", choices=FAULTS, action="append", help="only these faults")
    parser.add_argument("--bug", choices=BUGS)
    parser.add_argument("--without", action="store_true", help="the bug's plan, not the bug")
    parser.add_argument("--keep", type=Path, help="keep journals and logs here")
    given = parser.parse_args()
    if reason := why_impossible():
        sys.exit(f"no chaos here: {reason}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))
    with tempfile.TemporaryDirectory() as scratch:
        report = run(_plan(given), given.keep or Path(scratch), _tell)
    json.dump(asdict(report), sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.exit(0 if report.is_clean else 1)


def _plan(given: argparse.Namespace) -> Plan:
    if given.bug is not None:
        plan = DIRECTED[given.bug].plan
        return replace(plan, bug=None) if given.without else plan
    return Plan(
        nodes=given.nodes,
        faults=given.faults,
        seed=given.seed,
        crew=Crew(
            plain=given.plain,
            transactional=given.transactional,
            zombies=given.zombies,
            with_copier=not given.no_copier,
        ),
        kinds=tuple(given.kind or FAULTS),
        most_seconds=None if given.minutes is None else given.minutes * 60,
    )


def _tell(effect: Effect) -> None:
    sys.stderr.write(
        f"{effect.began_seconds:8.1f} s: {effect.victim} was {effect.fault} for"
        f" {effect.lasted_seconds} s, {effect.leaders_moved} leaders moved,"
        f" {effect.smallest_isr} in sync, silent for {effect.longest_silence_seconds} s,"
        f" whole after {effect.whole_after_seconds} s, {effect.clients_died} clients died\n"
    )
    sys.stderr.flush()


if __name__ == "__main__":
    main()
