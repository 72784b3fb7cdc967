"""kafkajs, a client that is JavaScript to the last byte: produce, groups, transactions, admin.

Its package carries no tests, so the stories are ours (``programs/kafkajs.js``).
"""

import json
import subprocess
from pathlib import Path

from tests.judges.verdict import Outcome, Trial, Verdict
from tests.support.maven import PEERS

VERSION = "2.2.4"
PROGRAM = Path(__file__).with_name("programs") / "kafkajs.js"
SECONDS = 1_200


def judge(trial: Trial) -> list[Verdict]:
    """Run the stories and read what they print."""
    try:
        finished = subprocess.run(
            ["node", str(PROGRAM), trial.address, trial.wanted.pattern],
            cwd=_fetch(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return [Verdict(program="kafkajs", outcome=Outcome.FAIL, why=str(error), is_expected=False)]
    verdicts = [_verdict(line) for line in finished.stdout.splitlines()]
    if finished.returncode:
        why = finished.stderr or "it ended early"
        verdicts.append(
            Verdict(program="kafkajs", outcome=Outcome.FAIL, why=why, is_expected=False)
        )
    return verdicts


def _verdict(line: str) -> Verdict:
    found = json.loads(line)
    if found["why"] is None:
        return Verdict(program=found["program"], outcome=Outcome.PASS)
    return Verdict(
        program=found["program"], outcome=Outcome.FAIL, why=found["why"], is_expected=False
    )


def _fetch() -> Path:
    """A folder in which it is installed."""
    folder = PEERS / f"kafkajs-{VERSION}"
    if not (folder / "node_modules" / "kafkajs" / "package.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}\n")
        install = ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([*install, f"kafkajs@{VERSION}"], cwd=folder, check=True)
    return folder
