"""librdkafka's own test programs. Needs npm, gcc, g++, make, OpenSSL's headers, Java and Maven.

Each number is a run of its own, so one that hangs costs nobody else. Programs that librdkafka runs
against its own mock cluster say nothing about our broker and are not run.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.judges.librdkafka_sources import build, programs, write_kafka_folder
from tests.judges.verdict import Outcome, Trial, Verdict, weigh

KAFKA_VERSION = "4.0.0"
SECONDS = 900
AT_A_TIME = 2
LEFT_OUT = {
    "0028_long_topicnames": "a known fault of the client (librdkafka 529)",
    "0047_partial_buf_tmout": "a known fault of the client, says the program",
    "0066_plugins": "loads a library of its own from where it was built; no broker in it",
    "0092_mixed_msgver": "writes record formats before version 2; Kafka 4 has none either",
    "0097_ssl_verify": "needs the certificates of librdkafka's own cluster",
    "0101_fetch_from_follower": "rack awareness is left out (issue of the log core)",
    "0126_oauthbearer_oidc": "SASL OAUTHBEARER is not among our mechanisms",
    "8000_idle": "waits for ever, by hand only",
    "8001_fetch_from_follower_mock_manual": "by hand only",
}
THREE_COPIES = "makes topics with three copies: --nodes 3"
NEED_THREE_NODES = {
    "0098_consumer_txn": THREE_COPIES,
    "0103_transactions": THREE_COPIES,
    "0107_topic_recreate": THREE_COPIES,
    "0111_delay_create_topics": THREE_COPIES,
}
LEFT_OUT_FAMILIES = {"share_consumer": "share groups (KIP-932) are not among our APIs"}
KNOWN_FAILURES: Mapping[str, str] = {}
WITHOUT_QUICK_MODE = {"0082"}
START_JAVA = {"0077", "0098", "0109", "0113", "0115", "0119"}  # given more time for that
NOT_OURS = "Filtered due to negative test flags"
SAID = re.compile(r"\[(\w+) */ *[\d.]+s\] WARN: SKIPPING TEST: (.*)")
FAILED = re.compile(r'### Test "(\w+)[^\n]*failed at ([^\n]*?) at [^\n]*###\n([^\n]*)')
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def judge(trial: Trial, *, scenario: str = "default") -> list[Verdict]:
    """Build once, run every number, read the reports."""
    sources = build()
    write_kafka_folder(trial.scratch / "kafka")
    (trial.scratch / "src").symlink_to(sources / "src")  # of a run's folder: ../src
    names = trial.chosen(programs(sources, scenario))
    left_out = _left_out(names, trial.nodes)
    numbers = sorted({name[:4] for name in names if name not in left_out})
    run = partial(_run, trial, sources, scenario=scenario)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        ran = {one.program: one for verdicts in pool.map(run, numbers) for one in verdicts}
    found = {**ran, **left_out}
    return [weigh(found[name], KNOWN_FAILURES) for name in names if name in found]


def judge_without_auto_create(trial: Trial) -> list[Verdict]:
    """The programs that want a broker which makes no topic unasked."""
    return judge(trial, scenario="noautocreate")


def _run(trial: Trial, sources: Path, number: str, *, scenario: str) -> list[Verdict]:
    """The programs of one number, in a folder and a process of their own."""
    folder = trial.scratch / number
    folder.mkdir()
    (folder / "java").symlink_to(sources / "tests" / "java")
    (folder / "Makefile").write_text("java: ;\n.PHONY: java\n")
    (folder / "test.conf").write_text(
        f"metadata.broker.list={trial.address}\ntest.topic.random=true\n"
        f"test.timeout.multiplier={3 if number in START_JAVA else 1}\n"
    )
    runner = sources / "tests" / "test-runner"
    quick = [] if number in WITHOUT_QUICK_MODE else ["-Q"]
    output = folder / "output.log"
    with output.open("wb") as printed:
        try:
            subprocess.run(
                [*(str(runner), "-p1", "-L", "-K", "-r", "-s", scenario), *quick],
                cwd=folder,
                env={
                    **os.environ,
                    "TESTS": number,
                    "TEST_KAFKA_VERSION": KAFKA_VERSION,
                    "KAFKA_PATH": str(trial.scratch / "kafka"),
                    "BROKERS": trial.address,
                    "LD_LIBRARY_PATH": f"{sources / 'src'}:{sources / 'src-cpp'}",
                },
                stdout=printed,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return _hung(sources, number, scenario, str(error))
    return _read(folder, COLOUR.sub("", output.read_text(errors="replace")), number)


def _read(folder: Path, printed: str, number: str) -> list[Verdict]:
    """What one run reports of its programs."""
    reports = list(folder.glob("test_report_*.json"))
    if not reports:
        why = printed.strip().splitlines()[-1:] or ["it says nothing"]
        return [Verdict(program=number, outcome=Outcome.FAIL, why=why[0])]
    skipped = dict(SAID.findall(printed))
    failed = {name: f"{what} ({where})" for name, where, what in FAILED.findall(printed)}
    verdicts = []
    for name, one in json.loads(reports[0].read_text())["tests"].items():
        if not name.startswith(number):
            continue
        if one["state"] == "PASSED":
            verdicts.append(Verdict(program=name, outcome=Outcome.PASS))
        elif one["state"] == "SKIPPED":
            why = skipped.get(name, "")
            if NOT_OURS not in why:
                verdicts.append(Verdict(program=name, outcome=Outcome.LEFT_OUT, why=why))
        else:
            why = failed.get(name, one["state"].lower())
            verdicts.append(Verdict(program=name, outcome=Outcome.FAIL, why=why))
    return verdicts


def _hung(sources: Path, number: str, scenario: str, why: str) -> list[Verdict]:
    return [
        Verdict(program=name, outcome=Outcome.FAIL, why=why)
        for name in programs(sources, scenario)
        if name.startswith(number)
    ]


def _left_out(names: Iterable[str], nodes: int) -> dict[str, Verdict]:
    """What is not judged by, and why."""
    reasons = LEFT_OUT if nodes > 1 else {**LEFT_OUT, **NEED_THREE_NODES}
    verdicts = {}
    for name in names:
        families = [why for part, why in LEFT_OUT_FAMILIES.items() if part in name]
        for why in [reasons[name]] if name in reasons else families:
            verdicts[name] = Verdict(program=name, outcome=Outcome.LEFT_OUT, why=why)
    return verdicts
