"""franz-go's client tests, as its module on the Go proxy carries them.

Of the tests of ``pkg/kgo`` those that need brokers are run; the others say nothing about ours. The
chains of groups and transactions send fewer records than they do by default (half a million).
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.judges.verdict import Outcome, Trial, Verdict, weigh
from tests.support.maven import PEERS

MODULE = "github.com/twmb/franz-go"
VERSION = "v1.22.3"
RECORDS = 30_000
SECONDS = 1_800
TESTS = (
    *("TestPing", "TestIssue1034", "TestUnknownGroupOffsetFetchPinned", "TestClient_Produce"),
    *("TestIssue769", "TestIssue831", "TestIssueProduceBrokerTooOldFailsRecords"),
    *("TestIssueProduceSyncManualPartitionNegativeDoesNotPanic", "TestClient_ProduceLargeMessages"),
    *("TestIssue325", "TestConsumeTopicRetrieval", "TestConsumeTopicRetrieval_Many"),
    *("TestConsumeRegex", "Test848RegexBrokerResolves", "TestIssue337", "TestDirectPartitionPurge"),
    *("TestIssue434", "TestAddRemovePartitions", "TestPauseIssue489", "TestPauseIssueOct2023"),
    *("TestIssue523", "TestIssue648", "TestIssue810", "TestIssue865", "TestPooling"),
    *("TestIssueFetchLargerThanBrokerMaxReadBytes", "TestGroupSimple", "TestHookPollStart"),
    *("TestConsumeMaxDecompressBatchBytes", "TestGroupETL", "TestTxnEtl"),
    *("TestShareGroup", "TestShareGroupETL", "TestShareGroupAckOnClose"),
    *("TestConsumeRegexShareSkipsInternal", "TestShareGroupOffsetsAdmin"),
)
KNOWN_FAILURES: Mapping[str, str] = {}
RESULT = re.compile(r"^ *--- (PASS|FAIL|SKIP): (\S+) \([\d.]+s\)$", re.MULTILINE)
TOLD = re.compile(r"^=== (?:RUN|CONT|NAME) +(\S+)$|^ +\w+_test\.go:\d+: (.*)$", re.MULTILINE)
TIDYING_UP = re.compile(r"(deleting|NOT DELETING) (topic|group) | completed in ", re.IGNORECASE)
OUTCOMES = {"PASS": Outcome.PASS, "FAIL": Outcome.FAIL, "SKIP": Outcome.LEFT_OUT}


def judge(trial: Trial) -> list[Verdict]:
    """Build the tests once, run those that are wanted, read what they print."""
    binary = _build()
    wanted = trial.chosen(TESTS)
    log = trial.scratch / "output.log"
    with log.open("wb") as output:
        subprocess.run(
            [
                *(str(binary), "-test.v", "-test.run", f"^({'|'.join(wanted)})$"),
                *(f"-test.timeout={SECONDS}s", "-test.parallel=2"),
            ],
            cwd=trial.scratch,
            env={
                **os.environ,
                "KGO_SEEDS": trial.address,
                "KGO_TEST_RF": str(trial.nodes),
                "KGO_TEST_RECORDS": str(RECORDS),
                "KGO_LOG_LEVEL": "none",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=SECONDS + 60,
            check=False,
        )
    printed = log.read_text(errors="replace")
    verdicts = {one.program: one for one in _read(printed)}
    for name in wanted:
        if name not in verdicts:
            why = printed.strip().splitlines()[-1:] or ["it says nothing"]
            verdicts[name] = Verdict(program=name, outcome=Outcome.FAIL, why=why[0])
    return [weigh(one, KNOWN_FAILURES) for one in verdicts.values()]


def _read(printed: str) -> list[Verdict]:
    """Every test and subtest, with the last thing that it said."""
    said = _said(printed)
    return [
        Verdict(
            program=name,
            outcome=OUTCOMES[word],
            why="" if word == "PASS" else said.get(name, ""),
        )
        for word, name in RESULT.findall(printed)
    ]


def _said(printed: str) -> dict[str, str]:
    """What each test said last, besides how it tidies up; several speak by turns."""
    said: dict[str, str] = {}
    speaker = ""
    for name, words in TOLD.findall(printed):
        if name:
            speaker = name
        elif not TIDYING_UP.search(words):
            said[speaker] = words
    return said


def _build() -> Path:
    """The test program; the module and what it needs come by the go command."""
    folder = PEERS / f"franz-go-{VERSION}"
    binary = folder / "kgo.test"
    if binary.is_file():
        return binary
    folder.mkdir(parents=True, exist_ok=True)
    for command in (
        ["go", "mod", "init", "judge"],
        ["go", "get", "-t", f"{MODULE}/pkg/kgo@{VERSION}"],
        ["go", "test", "-c", "-o", "kgo.test", f"{MODULE}/pkg/kgo"],
    ):
        if command[1:3] == ["mod", "init"] and (folder / "go.mod").is_file():
            continue
        subprocess.run(command, cwd=folder, check=True)
    return binary
