"""librdkafka's own test programs, built from the sources that npm's confluent client bundles.

Needs npm, gcc, g++ and make. The programs run in their quick mode and without the ones that
throttle sockets; their JSON report is read.
"""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.judges.verdict import Outcome, Verdict
from tests.support.maven import PEERS

PACKAGE = "@confluentinc/kafka-javascript"
VERSION = "1.10.1"
KAFKA_VERSION = "3.9.0"
SECONDS = 3_600
OUTCOMES = {"PASSED": Outcome.PASS, "SKIPPED": Outcome.SKIP}


def judge(address: str, scratch: Path) -> list[Verdict]:
    """Build once, run everything, read the report."""
    sources = _build()
    folder = scratch / "tests"
    folder.mkdir()
    shutil.copy(sources / "tests" / "test-runner", folder)
    (folder / "test.conf").write_text(f"metadata.broker.list={address}\ntest.topic.random=true\n")
    with (folder / "output.log").open("wb") as output:
        subprocess.run(
            ["./test-runner", "-p3", "-Q", "-E", "-r"],
            cwd=folder,
            env={
                **os.environ,
                "TEST_KAFKA_VERSION": KAFKA_VERSION,
                "LD_LIBRARY_PATH": f"{sources / 'src'}:{sources / 'src-cpp'}",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    reports = list(folder.glob("test_report_*.json"))
    if not reports:
        said = (folder / "output.log").read_text(errors="replace")
        return [Verdict(case="test-runner", outcome=Outcome.FAIL, why=said[-160:])]
    return [
        Verdict(
            case=name,
            outcome=OUTCOMES.get(found["state"], Outcome.FAIL),
            why="" if found["state"] == "PASSED" else found["state"].lower(),
        )
        for name, found in json.loads(reports[0].read_text())["tests"].items()
    ]


def _build() -> Path:
    """The built sources; several minutes the first time."""
    folder = PEERS / f"librdkafka-{VERSION}"
    sources = folder / "package" / "deps" / "librdkafka"
    if (sources / "tests" / "test-runner").is_file():
        return sources
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True)
    [archive] = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    plain = ["--disable-ssl", "--disable-gssapi", "--disable-curl"]
    for command in (
        ["./configure", *plain],
        ["make", f"-j{os.cpu_count()}", "libs"],
        ["make", f"-j{os.cpu_count()}", "-C", "tests", "test-runner"],
    ):
        subprocess.run(command, cwd=sources, stdout=subprocess.DEVNULL, check=True)
    return sources
