"""librdkafka's own test programs. Needs npm, gcc, g++, make, OpenSSL's headers, Java and Maven.

Each number is a run of its own, so one that hangs costs nobody else. Programs that librdkafka runs
against its own mock cluster say nothing about our broker and are not run.
"""

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.judges.librdkafka_run import Run, run
from tests.judges.librdkafka_sources import build, parts, programs, write_kafka_folder
from tests.judges.verdict import Outcome, Trial, Verdict, weigh

AT_A_TIME = 2  # one, where what one changes about access is felt by the others
SECONDS = 60
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
    "0142_reauthentication, consumer": THREE_COPIES,
}
SIGN_IN = "asks for clients that sign in: librdkafka-sasl"
NEED_SIGNING_IN = {"0135_sasl_credentials": SIGN_IN, "0142_reauthentication": SIGN_IN}
LEFT_OUT_FAMILIES = {
    "share_": "share groups (KIP-932) are not among our APIs",
    ", oauthbearer": LEFT_OUT["0126_oauthbearer_oidc"],
}
IN_PARTS = {"0081_admin", "0142_reauthentication"}
SIGNING_IN = re.compile("0081|0135|0142")
USER, SECRET = "judge", "judge's secret"
SIGNED_IN = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-256",
    "sasl.username": USER,
    "sasl.password": SECRET,
}
BROKER_SETTINGS = "changes a broker's setting through the protocol; ours are in its file"
KNOWN_FAILURES: Mapping[str, str] = {
    "0081_admin, AlterConfigs": BROKER_SETTINGS,
    "0081_admin, IncrementalAlterConfigs": BROKER_SETTINGS,
}


def judge(
    trial: Trial, *, scenario: str = "default", client: Mapping[str, str] = {}
) -> list[Verdict]:
    """Build once, run every number, read the reports.

    Args:
        client: What the programs' clients are configured with besides.
    """
    sources = build()
    write_kafka_folder(trial.scratch / "kafka")
    (trial.scratch / "src").symlink_to(sources / "src")  # of a run's folder: ../src
    names = trial.chosen(programs(sources, scenario))
    reasons = _reasons(trial.nodes, signs_in=bool(client))
    whole = {name for name in names if name in reasons or name not in IN_PARTS}
    labels = [
        f"{name}, {part}" if part else name
        for name in names
        for part in ([""] if name in whole else parts(sources, name))
    ]
    left_out = _left_out(labels, reasons)
    wanted = {(label[:4], label.partition(", ")[2]) for label in labels if label not in left_out}
    runs = [
        Run(number=number, part=part, scenario=scenario, client=client)
        for number, part in sorted(wanted)
    ]
    with ThreadPoolExecutor(1 if client else AT_A_TIME) as pool:
        done = pool.map(partial(run, trial, sources), runs)
        ran = {one.program: one for verdicts in done for one in verdicts}
    return [weigh(one, KNOWN_FAILURES) for one in {**ran, **left_out}.values()]


def judge_without_auto_create(trial: Trial) -> list[Verdict]:
    """The programs that want a broker which makes no topic unasked."""
    return judge(trial, scenario="noautocreate")


def judge_signed_in(trial: Trial) -> list[Verdict]:
    """The programs about signing in and what one may do then, with clients that sign in."""
    admin = AdminClient({"bootstrap.servers": trial.address, "log_level": 0})
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    wanted = UserScramCredentialUpsertion(USER, scram, SECRET.encode())
    for changed in admin.alter_user_scram_credentials([wanted]).values():
        changed.result(SECONDS)
    numbers = re.compile(f"(?=.*({SIGNING_IN.pattern})).*{trial.wanted.pattern}")
    return judge(replace(trial, wanted=numbers), client=SIGNED_IN)


def _reasons(nodes: int, *, signs_in: bool) -> Mapping[str, str]:
    """Programs that cannot be judged by here, and why."""
    return {
        **LEFT_OUT,
        **({} if nodes > 1 else NEED_THREE_NODES),
        **({} if signs_in else NEED_SIGNING_IN),
    }


def _left_out(labels: Iterable[str], reasons: Mapping[str, str]) -> dict[str, Verdict]:
    """What is not judged by, and why."""
    verdicts = {}
    for label in labels:
        families = [why for part, why in LEFT_OUT_FAMILIES.items() if part in label]
        for why in [reasons[label]] if label in reasons else families:
            verdicts[label] = Verdict(program=label, outcome=Outcome.LEFT_OUT, why=why)
    return verdicts
