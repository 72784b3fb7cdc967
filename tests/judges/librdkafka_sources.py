"""librdkafka's sources with their test programs, fetched and built, and what these need around.

The sources come with npm's confluent client; RapidJSON's headers, which a few programs need, come
by apt-get. What the programs start as Kafka's shell scripts is here the same Java program.
"""

import os
import re
import shlex
import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.support.kafka_tools import ACLS, CONFIGS, TOPICS, java
from tests.support.maven import PEERS, class_path, fetch

PACKAGE = "@confluentinc/kafka-javascript"
VERSION = "1.10.1"
LIBRDKAFKA = "2.15.1"  # what that version of the package carries
SHELL_SCRIPTS = {"kafka-topics": TOPICS, "kafka-configs": CONFIGS, "kafka-acls": ACLS}


def programs(sources: Path, scenario: str) -> list[str]:
    """Every program of a scenario that is not for librdkafka's mock cluster."""
    text = (sources / "tests" / "test.c").read_text()
    names = []
    for declared in text.split("\n    _TEST(")[1:]:
        name, _, options = declared.partition(",")
        wanted = re.search(r'\.scenario = "([\w,]+)"', options)
        scenarios = wanted[1].split(",") if wanted else ["default"]
        if scenario in scenarios and "TEST_F_LOCAL" not in options:
            names.append(name)
    return names


def parts(sources: Path, name: str) -> list[str]:
    """The sub tests of a program, by the functions of its source."""
    [source] = (sources / "tests").glob(f"{name[:4]}-*.c")
    declared = re.findall(
        r"^(?:(?:static )?void )?do_test_(\w+)\(", source.read_text(), re.MULTILINE
    )
    return sorted(set(declared))


def write_kafka_folder(folder: Path) -> None:
    """A folder like Kafka's own, as far as the programs look into it."""
    fetch("kafka")
    scripts = folder / "bin"
    scripts.mkdir(parents=True)
    for name, main_class in SHELL_SCRIPTS.items():
        _write_script(scripts / f"{name}.sh", f'exec {shlex.join(java(main_class))} "$@"')
    known = class_path("kafka")
    _write_script(scripts / "kafka-run-class.sh", f'exec java -cp "$CLASSPATH:{known}" "$@"')


def _write_script(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def build() -> Path:
    """The built sources; several minutes the first time."""
    folder = PEERS / f"librdkafka-{VERSION}"
    sources = folder / "package" / "deps" / "librdkafka"
    if (folder / "built").is_file():
        return sources
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True)
    [archive] = folder.glob("*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    environment = {**os.environ, "CPPFLAGS": f"-I{_fetch_rapidjson(folder)}"}
    libraries = fetch("kafka")
    for command in (
        ["./configure", "--disable-gssapi", "--disable-curl"],
        ["make", f"-j{os.cpu_count()}", "libs"],
        ["make", f"-j{os.cpu_count()}", "-C", "tests", "test-runner"],
        ["make", "-C", "tests/java", f"KAFKA_JARS={libraries}", f"KAFKA_PATH={libraries}"],
    ):
        subprocess.run(command, cwd=sources, env=environment, stdout=subprocess.DEVNULL, check=True)
    (folder / "built").touch()
    return sources


def _fetch_rapidjson(folder: Path) -> Path:
    """Its headers, or no folder where there is no apt-get: then some programs skip themselves."""
    unpacked = folder / "rapidjson"
    if shutil.which("apt-get") and shutil.which("dpkg"):
        subprocess.run(["apt-get", "-qq", "download", "rapidjson-dev"], cwd=folder, check=False)
        for package in folder.glob("rapidjson-dev*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    return unpacked / "usr" / "include"
