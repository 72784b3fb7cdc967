"""A cluster under faults, held against what it promised.

``./tocsin bench chaos [--nodes 3] [--faults 200] [--seed N] [--bug NAME] [--keep DIR]``
as root; JSON out: every fault with its observed effect, and every anomaly; status 1 if any is.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.chaos.faults import FAULTS
from tests.chaos.hosts import why_impossible
from tests.chaos.run import Plan, run
from tests.chaos.seeded_bugs import BUGS


def main() -> None:
    """Parse the arguments, run, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--transactional", type=int, default=2, help="producers that are")
    parser.add_argument("--kind", choices=FAULTS, action="append", help="only these faults")
    parser.add_argument("--bug", choices=BUGS)
    parser.add_argument("--keep", type=Path, help="keep journals and logs here")
    given = parser.parse_args()
    if reason := why_impossible():
        sys.exit(f"no chaos here: {reason}")
    plan = Plan(
        nodes=given.nodes,
        faults=given.faults,
        seed=given.seed,
        transactional=given.transactional,
        kinds=tuple(given.kind or FAULTS),
        bug=given.bug,
    )
    with tempfile.TemporaryDirectory() as scratch:
        place = given.keep or Path(scratch)
        report = run(plan, place)
    json.dump(asdict(report), sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.exit(0 if report.is_clean else 1)


if __name__ == "__main__":
    main()
