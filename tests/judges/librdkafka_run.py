"""One run of librdkafka's test-runner: the programs of a number, in a process of their own."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.judges.verdict import Outcome, Trial, Verdict

KAFKA_VERSION = "4.0.0"
SECONDS = 900
WITHOUT_QUICK_MODE = {"0082", "0142"}
START_JAVA = {"0077", "0098", "0109", "0113", "0115", "0119"}  # given more time for that
NOT_OURS = "Filtered due to negative test flags"
SAID = re.compile(r"\[(\w+) */ *[\d.]+s\] WARN: SKIPPING TEST: (.*)")
FAILED = re.compile(r'### Test "(\w+)[^\n]*failed at ([^\n]*?) at [^\n]*###\n([^\n]*)')
COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is run.

    Attributes:
        number: The programs that begin with it.
        part: One of their sub tests; empty for all.
        scenario: What they expect of a broker, in librdkafka's words.
        client: What their clients are configured with besides.
    """

    number: str
    part: str = ""
    scenario: str = "default"
    client: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What its verdict is called if it has no report."""
        return f"{self.number}, {self.part}" if self.part else self.number


def run(trial: Trial, sources: Path, one: Run) -> list[Verdict]:
    """Run it, and read its report; a part that runs nothing has no verdict."""
    folder = trial.scratch / one.label
    _fill(folder, trial.address, one, sources)
    runner = sources / "tests" / "test-runner"
    quick = [] if one.number in WITHOUT_QUICK_MODE else ["-Q"]
    output = folder / "output.log"
    environment = {
        **os.environ,
        "TESTS": one.number,
        "TEST_KAFKA_VERSION": KAFKA_VERSION,
        "KAFKA_PATH": str(trial.scratch / "kafka"),
        "BROKERS": trial.address,
        "LD_LIBRARY_PATH": f"{sources / 'src'}:{sources / 'src-cpp'}",
    }
    if one.part:
        environment["SUBTESTS"] = f"do_test_{one.part}:"
    with output.open("wb") as printed:
        try:
            subprocess.run(
                [*(str(runner), "-p1", "-L", "-K", "-r", "-s", one.scenario), *quick],
                cwd=folder,
                env=environment,
                stdout=printed,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            return [Verdict(program=one.label, outcome=Outcome.FAIL, why=str(error))]
    said = COLOUR.sub("", output.read_text(errors="replace"))
    if one.part and f"[ do_test_{one.part}:" not in said:
        return []
    return read(folder, said, one)


def _fill(folder: Path, address: str, one: Run, sources: Path) -> None:
    """What the programs look for in the folder they run in."""
    folder.mkdir()
    (folder / "java").symlink_to(sources / "tests" / "java")
    (folder / "Makefile").write_text("java: ;\n.PHONY: java\n")
    settings = {
        "metadata.broker.list": address,
        "test.topic.random": "true",
        "test.timeout.multiplier": "3" if one.number in START_JAVA else "1",
        **one.client,
    }
    lines = [f"{name}={value}\n" for name, value in settings.items()]
    (folder / "test.conf").write_text("".join(lines))


def read(folder: Path, printed: str, one: Run) -> list[Verdict]:
    """What a run reports of its programs; those of another scenario are not spoken of."""
    reports = list(folder.glob("test_report_*.json"))
    if not reports:
        why = printed.strip().splitlines()[-1:] or ["it says nothing"]
        return [Verdict(program=one.label, outcome=Outcome.FAIL, why=why[0])]
    skipped = dict(SAID.findall(printed))
    failed = {name: f"{what} ({where})" for name, where, what in FAILED.findall(printed)}
    verdicts = []
    for name, found in json.loads(reports[0].read_text())["tests"].items():
        if not name.startswith(one.number):
            continue
        program = f"{name}, {one.part}" if one.part else name
        why = skipped.get(name, NOT_OURS)
        if found["state"] == "PASSED":
            verdicts.append(Verdict(program=program, outcome=Outcome.PASS))
        elif found["state"] != "SKIPPED":
            why = failed.get(name, found["state"].lower())
            verdicts.append(Verdict(program=program, outcome=Outcome.FAIL, why=why))
        elif NOT_OURS not in why:
            verdicts.append(Verdict(program=program, outcome=Outcome.LEFT_OUT, why=why))
    return verdicts
