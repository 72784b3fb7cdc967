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
from xml.etree import ElementTree

from tests.judges.verdict import Outcome, Verdict
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
LEFT_OUT = {
    "test_alter_replica_log_dirs": "one log directory a broker",
    "test_describe_metadata_quorum": "the controller is no Raft quorum (ARCHITECTURE)",
    "test_kafka_version_infer": "guesses a release from version numbers; ours are of several",
}


def judge(address: str, scratch: Path) -> list[Verdict]:
    """Run the suites and read their report."""
    source = _fetch()
    report = scratch / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "outside"]
    command += ["--timeout", "60", "--tb", "line", "-W", "ignore", f"--junitxml={report}"]
    subprocess.run(
        [*command, *(f"test/integration/test_{name}_integration.py" for name in SUITES)],
        cwd=source,
        env={
            **os.environ,
            "PYTHONPATH": str(source),
            "KAFKA_ROOT": str(scratch),
            "KAFKA_URI": f"kafka://{address}",
            "KAFKA_VERSION": "4.0.0",
        },
        stdout=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
    return [_verdict(case) for case in ElementTree.parse(report).iter("testcase")]


def _verdict(case: ElementTree.Element) -> Verdict:
    name = case.attrib["name"]
    for kind, outcome in (("skipped", Outcome.SKIP), ("failure", Outcome.FAIL)):
        found = case.find(kind)
        if found is None:
            continue
        if name in LEFT_OUT:
            return Verdict(case=name, outcome=Outcome.SKIP, why=LEFT_OUT[name])
        return Verdict(case=name, outcome=outcome, why=found.attrib.get("message", ""))
    error = case.find("error")
    if error is not None:
        return Verdict(case=name, outcome=Outcome.FAIL, why=error.attrib.get("message", ""))
    return Verdict(case=name, outcome=Outcome.PASS)


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
    (folder / "test" / "__init__.py").touch()
    (folder / "test" / "service.py").write_text(SERVICE)
    (folder / "outside.py").write_text(PLUGIN)
    return folder
