"""``./tocsin judges [NAME…]``: test programs that others wrote, against our broker.

Each judge gets a fresh broker, and says what passed, what failed and why. What it needs is fetched
once into ``.peers`` (git ignores it): npm, pip and Maven with their configured registries. Status
1 if a case failed.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.judges import kafka_connect, kafka_python, kafka_tools, librdkafka
from tests.judges.verdict import Outcome, Verdict, table
from tests.support.standalone_broker import StandaloneBroker

Judge = Callable[[str, Path], list[Verdict]]
JUDGES: Mapping[str, Judge] = {
    "kafka-tools": kafka_tools.judge,
    "kafka-connect": kafka_connect.judge,
    "kafka-python": kafka_python.judge,
    "librdkafka": librdkafka.judge,
}


def main() -> int:
    """Run the judges that are named, all of them by default."""
    parser = argparse.ArgumentParser(prog="tocsin judges", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *JUDGES], metavar="NAME")
    failed = False
    for name in parser.parse_args().names or JUDGES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            with StandaloneBroker(folder / "broker") as broker:
                verdicts = JUDGES[name](broker.address, folder)
        sys.stdout.write(table(name, verdicts) + "\n")
        sys.stdout.flush()
        failed = failed or any(one.outcome is Outcome.FAIL for one in verdicts)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
