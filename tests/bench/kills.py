"""kill -9 of each role in turn under load, and what became of every event.

``./tocsin bench kills [--rounds 10] [--rate 5000] [--role NAME]``; JSON out (each role's account
also on stderr as soon as it is known), status 1 if anything was lost or doubled.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.support.kills import kill_under_load
from tests.support.product import product

ROLES = ("broker", "store", "sinks", "detections", "collectors", "web")


def main() -> None:
    """Parse the arguments, kill, print what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--role", choices=ROLES, action="append")
    given = parser.parse_args()
    result = {}
    for role in given.role or ROLES:
        with tempfile.TemporaryDirectory() as scratch, product(Path(scratch) / "data") as running:
            found = kill_under_load(
                running, role, Path(scratch) / "journal", rounds=given.rounds, rate=given.rate
            )
        result[role] = {**asdict(found), "clean": found.is_clean}
        sys.stderr.write(f"{role}: {json.dumps(result[role])}\n")
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")
    sys.exit(0 if all(found["clean"] for found in result.values()) else 1)


if __name__ == "__main__":
    main()
