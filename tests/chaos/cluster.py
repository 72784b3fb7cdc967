"""The processes of a cluster, each on a host of its own."""

import contextlib
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import PartitionMetadata

from broker_core.settings import (
    Access,
    BrokerSettings,
    ControllerSettings,
    GroupSettings,
    LogSettings,
)
from tests.chaos.hosts import Host
from tests.chaos.node import USERS

REPOSITORY = Path(__file__).resolve().parents[2]
PORT = 9092
CONTROLLER_PORT = 9090
START_SECONDS = 60
OUT_OF_SERVICE = "log_directory_failed"


class Process:
    """One process of the cluster: started, killed and started again with the same data.

    Attributes:
        name: What it is called in reports.
        host: Where it runs.
    """

    def __init__(self, name: str, host: Host, command: Sequence[str]) -> None:
        self.name = name
        self.host = host
        self._command = [*host.inside, sys.executable, *command]
        self._log = host.disk.parent / f"{name}.log"
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait for the line that says it serves."""
        self._errors = self._log.open("a")
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=self._errors, text=True, cwd=REPOSITORY
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line.startswith("serving on "):
            self.kill()
            raise AssertionError(f"{self.name} did not start: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self._process is None or self._errors is None:
            return
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(START_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()
        self._process = None

    def restart_if_out_of_service(self) -> None:
        """What a supervisor does with a process that ended or has given up its disk."""
        assert self._process is not None
        ended = self._process.poll() is not None
        if ended or OUT_OF_SERVICE in self._log.read_text().rpartition("broker_started")[2]:
            self.kill()
            self.start()


class Cluster:
    """All of them: a context manager.

    Attributes:
        nodes: The brokers.
        processes: The nodes, and the controller if there is one.
        bootstrap: Where clients begin.
    """

    def __init__(
        self, hosts: Sequence[Host], controller: Host | None, *, bug: str | None = None
    ) -> None:
        """Say what runs where.

        Args:
            hosts: One for each node.
            controller: For the controller; None: the only node has none.
            bug: Seeded into every node.
        """
        join = None if controller is None else f"{controller.address}:{CONTROLLER_PORT}"
        self.nodes = [
            Process(f"node-{number}", host, _node(number, host, join, bug))
            for number, host in enumerate(hosts, 1)
        ]
        self.processes = list(self.nodes)
        if controller is not None:
            self.processes.append(Process("controller", controller, _controller(controller)))
        self.bootstrap = ",".join(f"{host.address}:{PORT}" for host in hosts)

    def __enter__(self) -> "Cluster":
        """Start everything."""
        for process in reversed(self.processes):
            process.start()
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill everything."""
        for process in self.processes:
            process.kill()

    def partitions(self, topic: str) -> Mapping[int, PartitionMetadata]:
        """Leaders, replicas and in-sync replicas as clients are told; nothing if nobody answers."""
        with contextlib.suppress(KafkaException):
            return self.admin.list_topics(topic, timeout=5).topics[topic].partitions
        return {}

    def is_whole(self, topic: str) -> bool:
        """Whether every partition of a topic has a leader and all its replicas are in sync."""
        partitions = self.partitions(topic).values()
        return bool(partitions) and all(
            one.leader > 0 and sorted(one.isrs) == sorted(one.replicas) for one in partitions
        )


def _controller(host: Host) -> list[str]:
    settings = ControllerSettings(
        data_dir=host.disk / "data", host=host.address, port=CONTROLLER_PORT, users=USERS
    )
    return ["-m", "tests.chaos.node", settings.model_dump_json(), "--controller"]


def _node(number: int, host: Host, join: str | None, bug: str | None) -> list[str]:
    settings = BrokerSettings(
        data_dir=host.disk / "data",
        host=host.address,
        port=PORT,
        node_id=number,
        access=Access.OPEN,
        log=LogSettings(segment_bytes=4 * 1024 * 1024, retention_age=None),
        groups=GroupSettings(offsets_partitions=4),
    )
    command = ["-m", "tests.chaos.node", settings.model_dump_json()]
    command += ["--join", join] if join else []
    return [*command, "--bug", bug] if bug else command
