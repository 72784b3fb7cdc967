"""librdkafka's own test programs, built from the sources that npm's confluent client bundles.

Needs npm, gcc, g++, make and OpenSSL's headers. The programs run in their quick mode and without
the ones that throttle sockets; their JSON report is read. What they start as Kafka's shell scripts
is here the same Java program, from Maven.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.judges.verdict import Outcome, Verdict
from tests.support.kafka_tools import ACLS, CONFIGS, TOPICS, java
from tests.support.maven import PEERS, fetch

PACKAGE = "@confluentinc/kafka-javascript"
VERSION = "1.10.1"
KAFKA_VERSION = "3.9.0"
SECONDS = 3_600
SHELL_SCRIPTS = {"kafka-topics": TOPICS, "kafka-configs": CONFIGS, "kafka-acls": ACLS}
# A test that runs out of its time ends the whole run, so these are not begun.
LEFT_OUT = {
    "0129_fetch_aborted_msgs": "needs transactions",
    "share_consumer": "share groups (KIP-932) are not among our APIs",
    "share_group": "share groups (KIP-932) are not among our APIs",
    "0066_plugins": "loads a library of its own from where it was built",
    "0092_mixed_msgver": "writes record formats before version 2; Kafka 4 has none either",
    "8000_idle": "waits for ever, by hand only",
    "8001_fetch_from_follower_mock_manual": "by hand only",
}
FAILED = re.compile(r"(\w+) +\| +FAILED \|[^|]*\|(?:\x1b\[\d+m)?([^\x1b]*)")
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
                "TESTS_SKIP": ",".join(LEFT_OUT),
                "KAFKA_PATH": str(folder / "kafka"),
                "BROKERS": address,
                "LD_LIBRARY_PATH": f"{sources / 'src'}:{sources / 'src-cpp'}",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    reports = list(folder.glob("test_report_*.json"))
    printed = (folder / "output.log").read_text(errors="replace")
    if not reports:
        return [Verdict(case="test-runner", outcome=Outcome.FAIL, why=printed[-160:])]
    found = json.loads(reports[0].read_text())["tests"]
    said = dict(FAILED.findall(printed))
    return [_verdict(name, one["state"], said) for name, one in found.items()]


def _verdict(name: str, state: str, said: Mapping[str, str]) -> Verdict:
    for part, why in LEFT_OUT.items():
        if part in name:
            return Verdict(case=name, outcome=Outcome.SKIP, why=why)
    why = "" if state == "PASSED" else said.get(name, state.lower())
    return Verdict(case=name, outcome=OUTCOMES.get(state, Outcome.FAIL), why=why)


def _write_scripts(folder: Path) -> None:
    """Kafka's shell scripts, as far as the programs start them."""
    fetch("kafka")
    folder.mkdir(parents=True)
    for name, main_class in SHELL_SCRIPTS.items():
        script = folder / f"{name}.sh"
        script.write_text(f'#!/bin/sh\nexec {shlex.join(java(main_class))} "$@"\n')
        script.chmod(0o755)


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
    plain = ["--disable-gssapi", "--disable-curl"]
    for command in (
        ["./configure", *plain],
        ["make", f"-j{os.cpu_count()}", "libs"],
        ["make", f"-j{os.cpu_count()}", "-C", "tests", "test-runner"],
    ):
        subprocess.run(command, cwd=sources, stdout=subprocess.DEVNULL, check=True)
    return sources
