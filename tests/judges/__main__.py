"""``./tocsin judges [NAME…]``: test programs that others wrote, against our broker.

Each judge gets a fresh broker, or with ``--nodes 3`` a fresh cluster, and says what passed, what
failed and why. What it needs is fetched once into ``.peers`` (git ignores it): npm, pip, Maven and
Go with their configured registries. Status 1 if a verdict was not expected.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.judges import (
    clients,
    franz_go,
    kafka_connect,
    kafka_python,
    kafka_streams,
    kafka_tools,
    kafkajs,
    librdkafka,
)
from tests.judges.ground import ground
from tests.judges.librdkafka_sources import LIBRDKAFKA
from tests.judges.report import Report, table, write
from tests.judges.verdict import Trial, Verdict
from tests.support.maven import release


@dataclass(frozen=True, slots=True)
class Judge:
    """One judge.

    Attributes:
        run: What gives its verdicts.
        version: Of the program or client that judges.
        arguments: What our broker is started with for it, besides what all are.
    """

    run: Callable[[Trial], list[Verdict]]
    version: str
    arguments: tuple[str, ...] = ()


JUDGES: Mapping[str, Judge] = {
    "kafka-tools": Judge(kafka_tools.judge, release("kafka")),
    "kafka-connect": Judge(kafka_connect.judge, release(kafka_connect.PEER)),
    "kafka-streams": Judge(kafka_streams.judge, release(kafka_streams.PEER)),
    "kafka-python": Judge(kafka_python.judge, kafka_python.VERSION),
    "kcat": Judge(clients.kcat, clients.kcat_version()),
    "confluent-kafka": Judge(clients.confluent_kafka, version("confluent-kafka")),
    "aiokafka": Judge(clients.aiokafka, version("aiokafka")),
    "kafkajs": Judge(kafkajs.judge, kafkajs.VERSION),
    "franz-go": Judge(franz_go.judge, franz_go.VERSION),
    "librdkafka": Judge(librdkafka.judge, LIBRDKAFKA),
    "librdkafka-sasl": Judge(
        librdkafka.judge_signed_in, LIBRDKAFKA, arguments=("--set", "session_lifetime=PT5S")
    ),
    "librdkafka-no-auto-create": Judge(
        librdkafka.judge_without_auto_create, LIBRDKAFKA, arguments=("--no-auto-create",)
    ),
}


def main() -> int:
    """Run the judges that are named, all of them by default."""
    parsed = _parsed()
    reports = [_judged(name, parsed) for name in parsed.names or JUDGES]
    if parsed.json:
        write(parsed.json, reports)
    every = [one for report in reports for one in report.verdicts]
    return 1 if any(not one.is_expected for one in every) else 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tocsin judges", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *JUDGES], metavar="NAME")
    parser.add_argument("--only", type=re.compile, default=re.compile(""), metavar="PATTERN")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1, help="of the broker")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave what judges wrote there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every verdict there")
    return parser.parse_args()


def _judged(name: str, parsed: argparse.Namespace) -> Report:
    """One judge on fresh ground; a judge that breaks is a failure of its own."""
    judge = JUDGES[name]
    with _folder(parsed.keep, name) as folder:
        scratch = folder / "scratch"
        scratch.mkdir()
        with ground(folder, nodes=parsed.nodes, arguments=judge.arguments) as address:
            trial = Trial(address=address, scratch=scratch, nodes=parsed.nodes, wanted=parsed.only)
            verdicts = tuple(judge.run(trial))
    report = Report(judge=name, version=judge.version, nodes=parsed.nodes, verdicts=verdicts)
    sys.stdout.write(table(report) + "\n")
    sys.stdout.flush()
    return report


@contextmanager
def _folder(keep: Path | None, name: str) -> Iterator[Path]:
    """An empty folder, which stays only if it is wanted."""
    if keep is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        shutil.rmtree(keep / name, ignore_errors=True)
        (keep / name).mkdir(parents=True)
        yield keep / name


if __name__ == "__main__":
    sys.exit(main())
