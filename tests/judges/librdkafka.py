"""librdkafka's own test programs. Needs npm, gcc, g++, make, OpenSSL's headers, Java and Maven.

Each number is a run of its own, so one that hangs costs nobody else. Programs that librdkafka runs
against its own mock cluster say nothing about our broker and are not run.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.judges.librdkafka_run import Run, run
from tests.judges.librdkafka_sources import build, parts, programs, write_kafka_folder
from tests.judges.verdict import Outcome, Trial, Verdict, weigh

AT_A_TIME = 2
LEFT_OUT = {
    "0028_long_topicnames": "a known fault of the client (librdkafka 529)",
    "0047_partial_buf_tmout": "a known fault of the client, says the program",
    "0066_plugins": "loads a library of its own from where it was built; no broker in it",
    "0092_mixed_msgver": "writes record formats before version 2; Kafka 4 has none either",
    "0097_ssl_verify": "needs the certificates of librdkafka's own cluster",
    "0101_fetch_from_follower": "rack awareness is left out",
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
IN_PARTS = {"0081_admin"}
BROKER_SETTINGS = "changes a broker's setting through the protocol; ours are in its file"
KNOWN_FAILURES: Mapping[str, str] = {
    "0081_admin, AlterConfigs": BROKER_SETTINGS,
    "0081_admin, IncrementalAlterConfigs": BROKER_SETTINGS,
}


def judge(trial: Trial, *, scenario: str = "default") -> list[Verdict]:
    """Build once, run every number, read the reports."""
    sources = build()
    write_kafka_folder(trial.scratch / "kafka")
    (trial.scratch / "src").symlink_to(sources / "src")  # of a run's folder: ../src
    names = trial.chosen(programs(sources, scenario))
    left_out = _left_out(names, trial.nodes)
    wanted = {name[:4]: name for name in names if name not in left_out}
    runs = [
        Run(number=number, part=part, scenario=scenario)
        for number, name in sorted(wanted.items())
        for part in (parts(sources, name) if name in IN_PARTS else [""])
    ]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        done = pool.map(partial(run, trial, sources), runs)
        ran = {one.program: one for verdicts in done for one in verdicts}
    return [weigh(one, KNOWN_FAILURES) for one in {**ran, **left_out}.values()]


def judge_without_auto_create(trial: Trial) -> list[Verdict]:
    """The programs that want a broker which makes no topic unasked."""
    return judge(trial, scenario="noautocreate")


def _left_out(names: Iterable[str], nodes: int) -> dict[str, Verdict]:
    """What is not judged by, and why."""
    reasons = LEFT_OUT if nodes > 1 else {**LEFT_OUT, **NEED_THREE_NODES}
    verdicts = {}
    for name in names:
        families = [why for part, why in LEFT_OUT_FAMILIES.items() if part in name]
        for why in [reasons[name]] if name in reasons else families:
            verdicts[name] = Verdict(program=name, outcome=Outcome.LEFT_OUT, why=why)
    return verdicts
