"""kafka-python's integration suite, from its source distribution.

The distribution lacks two small modules that its own fixtures import; they only start brokers,
which nobody needs here.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.judges import junit
from tests.judges.verdict import Outcome, Trial, Verdict, weigh
from tests.support.maven import PEERS

VERSION = "3.0.12"
SUITES = ("admin", "consumer", "producer")
SECONDS = 1_800
SERVICE = """
class ExternalService:
    def __init__(self, host, port):
        self.host, self.port = host, port
    def open(self):
        pass
    def close(self):
        pass
class SpawnedService:
    pass
"""
PLUGIN = "from test.integration.fixtures import KafkaFixture\nKafkaFixture.external = True\n"
BY_THEMSELVES = {
    "test_sasl_integration": "starts brokers of its own; tests/interop/test_broker_sasl.py instead",
    "test_ssl_integration": "starts brokers of its own; tests/interop/test_broker_tls.py instead",
}
CODECS_FOLDER = "codecs"
CODECS = ("python-snappy==0.7.3", "zstandard==0.25.0")
FAIL_ON_A_CLUSTER = {
    "test_create_partitions": "asks for copies on broker 0; a cluster's are 1, 2 and 3",
}
LEFT_OUT_ON_A_CLUSTER = {
    "test_delete_records": "wants one poll to bring what lies on every node; it does now and then",
}
LEFT_OUT = {
    "test_alter_replica_log_dirs": "one log directory a broker",
    "test_describe_metadata_quorum": "the controller is no Raft quorum (ARCHITECTURE)",
    "test_list_config_resources": "ListConfigResources (key 74) is not among our APIs",
    "test_kafka_version_infer": "guesses a release from version numbers; ours are of several",
}


def judge(trial: Trial) -> list[Verdict]:
    """Run the suites and read their report."""
    source = _fetch()
    report = trial.scratch / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "outside"]
    command += ["--timeout", "60", "--tb", "line", "-W", "ignore", f"--junitxml={report}"]
    subprocess.run(
        [*command, *(f"test/integration/test_{name}_integration.py" for name in SUITES)],
        cwd=source,
        env={
            **os.environ,
            "PYTHONPATH": f"{source}:{source / CODECS_FOLDER}",
            "KAFKA_ROOT": str(trial.scratch),
            "KAFKA_URI": f"kafka://{trial.address.split(',')[0]}",
            "KAFKA_VERSION": "4.0.0",
        },
        stdout=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
    left_out = LEFT_OUT if trial.nodes == 1 else {**LEFT_OUT, **LEFT_OUT_ON_A_CLUSTER}
    verdicts = {one.program: one for one in junit.verdicts(report, left_out)}
    for name, why in BY_THEMSELVES.items():
        verdicts[name] = Verdict(program=name, outcome=Outcome.LEFT_OUT, why=why)
    known = FAIL_ON_A_CLUSTER if trial.nodes > 1 else {}
    return [weigh(verdicts[name], known) for name in trial.chosen(verdicts)]


def _fetch() -> Path:
    """The unpacked distribution, made complete."""
    folder = PEERS / f"kafka_python-{VERSION}"
    if (folder / "outside.py").is_file():
        return folder
    pip = shutil.which("pip3") or shutil.which("pip")
    assert pip is not None, "kafka-python comes by pip, which is not installed"
    PEERS.mkdir(exist_ok=True)
    options = ["--no-deps", "--no-binary", ":all:", "--quiet", "--dest", str(PEERS)]
    subprocess.run([pip, "download", *options, f"kafka-python=={VERSION}"], check=True)
    with tarfile.open(PEERS / f"kafka_python-{VERSION}.tar.gz") as archive:
        archive.extractall(PEERS, filter="data")
    install = ["--python", sys.executable, "install", "--quiet", "--target"]
    subprocess.run([pip, *install, str(folder / CODECS_FOLDER), *CODECS], check=True)
    (folder / "test" / "__init__.py").touch()
    (folder / "test" / "service.py").write_text(SERVICE)
    (folder / "outside.py").write_text(PLUGIN)
    return folder
