"""Kafka Connect, distributed: a file into a topic and out of it again, over a worker's restart.

The worker keeps its connectors, offsets and states in compacted topics, and is a member of a group
of its own kind ("connect"), with its own assignment protocol.
"""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.judges.verdict import Outcome, Verdict
from tests.support.kafka_tools import java
from tests.support.maven import fetch

WORKER = "org.apache.kafka.connect.cli.ConnectDistributed"
SECONDS = 120
LINES = 1_000


def judge(address: str, scratch: Path) -> list[Verdict]:
    """Run the story; what went wrong first is the verdict of the rest."""
    fetch("kafka-connect")
    port = _free_port()
    properties = scratch / "worker.properties"
    properties.write_text(_worker(address, port))
    source, sink = scratch / "source.txt", scratch / "sink.txt"
    first, second = _lines(0), _lines(LINES)
    verdicts = []
    try:
        with _worker_running(properties, scratch / "worker.log"):
            _connect(port, "source", "FileStreamSource", file=str(source), topic="connected")
            _connect(port, "sink", "FileStreamSink", file=str(sink), topics="connected")
            source.write_text(first)
            _until(lambda: sink.is_file() and sink.read_text() == first, "every line is there")
            verdicts.append(_passed("source and sink"))
        with source.open("a") as file:
            file.write(second)
        with _worker_running(properties, scratch / "worker.log"):
            _until(lambda: sink.read_text() == first + second, "what came meanwhile is there, once")
            verdicts.append(_passed("a worker that was stopped goes on where it was"))
    except (AssertionError, httpx.HTTPError, subprocess.SubprocessError) as error:
        why = f"{error}: {_last_error(scratch / 'worker.log')}"
        verdicts.append(Verdict(case="Connect", outcome=Outcome.FAIL, why=why))
    return verdicts


def _worker(address: str, port: int) -> str:
    topics = "".join(
        f"{kind}.storage.topic=connect-{kind}\n{kind}.storage.replication.factor=1\n"
        for kind in ("config", "offset", "status")
    )
    converters = "".join(
        f"{kind}.converter=org.apache.kafka.connect.storage.StringConverter\n"
        for kind in ("key", "value")
    )
    return (
        f"bootstrap.servers={address}\ngroup.id=connect\nlisteners=http://127.0.0.1:{port}\n"
        f"{topics}{converters}offset.flush.interval.ms=1000\n"
        "plugin.discovery=service_load\n"
    )


@contextmanager
def _worker_running(properties: Path, log: Path) -> Iterator[None]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            java(WORKER, str(properties), peers=("kafka-connect",)),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(SECONDS)


def _connect(port: int, name: str, kind: str, **config: str) -> None:
    """Make a connector, as soon as the worker answers."""
    wanted = {"connector.class": kind, "tasks.max": "1", **config}

    def made() -> bool:
        try:
            url = f"http://127.0.0.1:{port}/connectors/{name}/config"
            return httpx.put(url, json=wanted, timeout=30, trust_env=False).status_code < 300
        except httpx.TransportError:
            return False

    _until(made, f"the connector {name} is made")


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.3)


def _passed(case: str) -> Verdict:
    return Verdict(case=case, outcome=Outcome.PASS)


def _lines(first: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, first + LINES))


def _last_error(log: Path) -> str:
    errors = [line for line in log.read_text(errors="replace").splitlines() if "ERROR" in line]
    return errors[-1] if errors else "the worker says nothing"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
