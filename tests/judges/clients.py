"""kcat, confluent-kafka and aiokafka: the stories that ``tests/interop`` tells with them.

None of the three carries tests that can be pointed at a broker, so the stories are ours. They start
brokers and clusters as they need them, with TLS, SASL and small disks, so how many nodes the others
are judged on does not matter here.
"""

import os
import re
import shutil
import subprocess
import sys
from functools import partial

from tests.judges import junit
from tests.judges.verdict import Trial, Verdict, weigh
from tests.support.maven import REPOSITORY

SECONDS = 1_800
FOLDER = REPOSITORY / "tests" / "interop"
LIBRDKAFKA = (
    *("acls", "cluster_policy", "confluent_kafka", "consumer_groups", "disk_budget", "groups"),
    *("quotas", "sasl", "scram", "tls", "topic_settings", "transactions"),
)
OTHERS = ("other_clients", "scram", "tls", "transactions")


def _judge(trial: Trial, *, modules: tuple[str, ...], choice: tuple[str, ...]) -> list[Verdict]:
    """Run the stories of one client and read their report."""
    report = trial.scratch / "report.xml"
    with (trial.scratch / "output.log").open("wb") as output:
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
                *(f"--junitxml={report}", *choice),
                *(str(FOLDER / f"test_broker_{module}.py") for module in modules),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "TOCSIN_REQUIRE_PEERS": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    verdicts = {one.program: one for one in junit.verdicts(report)}
    return [weigh(verdicts[name], {}) for name in trial.chosen(verdicts)]


def kcat_version() -> str:
    """What kcat says of itself; it comes with the system."""
    program = shutil.which("kcat")
    if program is None:
        return "not installed"
    said = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"Version ([\w.]+)", said)
    return found[1] if found else "unknown"


kcat = partial(_judge, modules=OTHERS, choice=("-k", "kcat"))
aiokafka = partial(_judge, modules=OTHERS, choice=("-k", "aiokafka"))
confluent_kafka = partial(
    _judge, modules=LIBRDKAFKA, choice=("-m", "not peer", "-k", "not aiokafka")
)
