"""Kafka Connect, distributed: a file into a topic and out of it again, over a worker's restart.

The worker keeps its connectors, offsets and states in compacted topics, and is a member of a group
of its own kind ("connect"), with its own assignment protocol.
"""

import subprocess
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import httpx

from tests.judges.java_process import last_words, running
from tests.judges.verdict import Trial, Verdict, tried
from tests.support.maven import fetch
from tests.support.ports import free_port
from tests.support.waiting import until

PEER = "kafka-connect"
WORKER = "org.apache.kafka.connect.cli.ConnectDistributed"
SECONDS = 300
LINES = 1_000


class Story:
    """One worker with a source and a sink, pointed at one broker."""

    def __init__(self, trial: Trial) -> None:
        self._port = free_port()
        self._log = trial.scratch / "worker.log"
        self._properties = trial.scratch / "worker.properties"
        self._properties.write_text(_worker(trial.address, self._port, copies=trial.nodes))
        self._source, self._sink = trial.scratch / "source.txt", trial.scratch / "sink.txt"

    def source_and_sink(self) -> None:
        """Every line of a file comes out at the other end, in order."""
        wanted = _lines(0)
        with self._working():
            self._connect("source", "FileStreamSource", file=self._source, topic="connected")
            self._connect("sink", "FileStreamSink", file=self._sink, topics="connected")
            self._source.write_text(wanted)
            self._until(lambda: self._arrived() == wanted, "every line is there")

    def restart(self) -> None:
        """A worker that was stopped goes on where it was: what came meanwhile is there, once."""
        with self._source.open("a") as file:
            file.write(_lines(LINES))
        with self._working():
            wanted = _lines(0) + _lines(LINES)
            self._until(lambda: self._arrived() == wanted, "what came meanwhile is there, once")

    def _working(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        return running(WORKER, str(self._properties), peer=PEER, log=self._log)

    def _arrived(self) -> str:
        return self._sink.read_text() if self._sink.is_file() else ""

    def _connect(self, name: str, kind: str, *, file: Path, **config: str) -> None:
        """Make a connector, as soon as the worker answers."""
        wanted = {"connector.class": kind, "tasks.max": "1", "file": str(file), **config}

        def made() -> bool:
            try:
                url = f"http://127.0.0.1:{self._port}/connectors/{name}/config"
                return httpx.put(url, json=wanted, timeout=30, trust_env=False).status_code < 300
            except httpx.TransportError:
                return False

        self._until(made, f"the connector {name} is made")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            until(condition, what, seconds=SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}: {last_words(self._log)}") from error


CASES: Mapping[str, Callable[[Story], None]] = {
    "FileStreamSource, FileStreamSink": Story.source_and_sink,
    "a worker that was stopped goes on": Story.restart,
}


def judge(trial: Trial) -> list[Verdict]:
    """One story in two cases; when the first fails there is no second."""
    fetch(PEER)
    story = Story(trial)
    return tried({name: partial(CASES[name], story) for name in trial.chosen(CASES)})


def _worker(address: str, port: int, *, copies: int) -> str:
    topics = "".join(
        f"{kind}.storage.topic=connect-{kind}\n{kind}.storage.replication.factor={copies}\n"
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


def _lines(first: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, first + LINES))
