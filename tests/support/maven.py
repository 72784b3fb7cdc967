"""Java programs from Maven Central: what ``tests/peers/<name>.xml`` names, in a folder of its own.

The folder lies under ``.peers``, which git ignores, and is named by the content of the file, so
that another version is fetched anew. ``python -m tests.support.maven NAME…`` fetches;
``./tocsin test --with-peers`` does so for every test that needs one.
"""

import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS = REPOSITORY / ".peers"
FETCH_SECONDS = 600


def project(name: str) -> Path:
    """The Maven project that names a peer's artifacts."""
    return REPOSITORY / "tests" / "peers" / f"{name}.xml"


def jars(name: str) -> Path:
    """Where a peer's jars lie once they are fetched."""
    return PEERS / f"{name}-{sha256(project(name).read_bytes()).hexdigest()[:12]}"


def release(name: str) -> str:
    """Which release of Apache Kafka a peer's project names."""
    named = ElementTree.parse(project(name)).findtext(".//{*}kafka.version")
    assert named is not None, f"{project(name)} names no release"
    return named


def is_fetched(name: str) -> bool:
    """Whether a peer of that name exists and can be started."""
    return project(name).is_file() and jars(name).is_dir() and shutil.which("java") is not None


def class_path(*names: str) -> str:
    """What ``java -cp`` wants, for peers that are fetched."""
    return ":".join(f"{jars(name)}/*" for name in names)


def fetch(name: str) -> Path:
    """Fetch a peer's jars unless they are here; all of them or none.

    Raises:
        subprocess.CalledProcessError: Maven could not; it has said why.
    """
    folder = jars(name)
    if folder.is_dir():
        return folder
    PEERS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PEERS) as scratch:
        command = [
            "mvn",
            "--batch-mode",
            "--quiet",
            "-Dstyle.color=never",
            "--file",
            str(project(name)),
        ]
        command += ["dependency:copy-dependencies", f"-DoutputDirectory={scratch}/jars"]
        if subprocess.run(command, check=False, timeout=FETCH_SECONDS).returncode:
            # What has arrived is kept: a second try gets over one bad answer of a mirror.
            subprocess.run([*command, "--update-snapshots"], check=True, timeout=FETCH_SECONDS)
        (Path(scratch) / "jars").rename(folder)
    return folder


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        fetch(wanted)
