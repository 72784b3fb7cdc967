"""The processes of a cluster, each on a host of its own."""

import contextlib
import json
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import IO

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from broker_core.settings import (
    Access,
    BrokerSettings,
    ControllerSettings,
    GroupSettings,
    LogSettings,
    ReplicationSettings,
    TransactionSettings,
)
from tests.chaos.hosts import Host
from tests.chaos.node import USERS
from tests.chaos.observer import View, newest, views
from tests.support.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
TOPIC = "chaos"
COPY = "chaos-copied"  # where the copier writes
PARTITIONS = 4
PORT = 9092
CONTROLLER_PORT = 9090
START_SECONDS = 120
OUT_OF_SERVICE = "log_directory_failed"
STARTED = "broker_started"
SEGMENT_BYTES = 256 * 1024
AWAY_SECONDS = 3  # unheard of for longer, a node leads nothing; far behind, a copy is out of sync


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
    def data_dir(self) -> Path:
        """Where its data lies."""
        return self.host.disk / "data"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def spawn(self) -> None:
        """Start it; :meth:`await_ready` comes next."""
        self._errors = self._log.open("a")
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=self._errors, text=True, cwd=REPOSITORY
        )

    def await_ready(self) -> None:
        """Wait for the line that says it serves."""
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line.startswith("serving on "):
            self.kill()
            raise AssertionError(f"{self.name} did not start: {self._log.read_text()[-2000:]}")

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self.spawn()
        self.await_ready()

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
        if ended or OUT_OF_SERVICE in self._log.read_text().rpartition(STARTED)[2]:
            self.kill()
            self.start()

    def logged(self) -> Callable[[], Counter[str]]:
        """Begin to count what it logs from now on, by event; ask for the numbers later."""
        start = self._log.stat().st_size if self._log.exists() else 0

        def count() -> Counter[str]:
            with self._log.open() as lines:
                lines.seek(start)
                return Counter(_event(line) for line in lines if not line.startswith((" ", "\n")))

        return count


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
        try:
            self._start()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill everything."""
        self._kill()

    def restart(self) -> None:
        """Kill everything at once, and start it anew."""
        self._kill()
        self._start()

    def create_topics(self) -> None:
        """Make the topics of the run: a copy on every node, most of which must have a record."""
        copies = min(3, len(self.nodes))
        config = {"min.insync.replicas": str(copies // 2 + 1)}
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

        def have_joined() -> bool:
            with contextlib.suppress(KafkaException):  # nobody knows anybody yet
                return len(admin.list_topics(timeout=5).brokers) == len(self.nodes)
            return False

        until(have_joined, "all nodes have joined", seconds=START_SECONDS)
        new = [NewTopic(name, PARTITIONS, copies, config=config) for name in (TOPIC, COPY)]
        for made in admin.create_topics(new).values():
            made.result(START_SECONDS)

    def view(self) -> View:
        """The newest that any node knows of the partitions; empty if none answers."""
        return newest(views([node.host.address for node in self.nodes], PORT))

    def leader(self) -> Process:
        """The node that leads the first partition of the topic."""
        return self.nodes[self.view()[TOPIC, 0].leader - 1]

    def is_whole(self) -> bool:
        """Whether all nodes say that every partition has a leader and all its copies in sync."""
        answers = views([node.host.address for node in self.nodes], PORT)
        return len(answers) == len(self.nodes) and all(
            (TOPIC, 0) in view and all(seen.is_whole for seen in view.values()) for view in answers
        )

    def _start(self) -> None:
        for process in self.processes:
            process.spawn()
        for process in self.processes:
            process.await_ready()

    def _kill(self) -> None:
        for process in self.processes:
            process.kill()


def _controller(host: Host) -> list[str]:
    settings = ControllerSettings(
        data_dir=host.disk / "data",
        host=host.address,
        port=CONTROLLER_PORT,
        users=USERS,
        session_timeout=timedelta(seconds=AWAY_SECONDS),
        preferred_leader_interval=timedelta(seconds=10),
    )
    return ["-m", "tests.chaos.node", settings.model_dump_json(), "--controller"]


def _node(number: int, host: Host, join: str | None, bug: str | None) -> list[str]:
    settings = BrokerSettings(
        data_dir=host.disk / "data",
        host=host.address,
        port=PORT,
        node_id=number,
        access=Access.OPEN,
        log=LogSettings(segment_bytes=SEGMENT_BYTES, retention_age=None),
        groups=GroupSettings(offsets_partitions=PARTITIONS),
        transactions=TransactionSettings(state_partitions=PARTITIONS),
        replication=ReplicationSettings(lag_time=timedelta(seconds=AWAY_SECONDS)),
    )
    command = ["-m", "tests.chaos.node", settings.model_dump_json()]
    command += ["--join", join] if join else []
    return [*command, "--bug", bug] if bug else command


def _event(line: str) -> str:
    """The event of a log line; what is no log line is its first word."""
    try:
        return str(json.loads(line)["event"])
    except (ValueError, TypeError, KeyError):
        return line.split(maxsplit=1)[0]
