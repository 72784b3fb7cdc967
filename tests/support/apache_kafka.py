"""One node of Apache Kafka (KRaft, broker and controller in one), as its distribution runs it."""

import os
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support.maven import class_path

START_SECONDS = 90
STOP_SECONDS = 60
HEAP = ("-Xms256m", "-Xmx512m")
# Everything else is as Kafka's own defaults have it: that is what a stranger's cluster has too.
ONE_NODE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",  # else every first member of a group waits 3 s
}


class ApacheKafka:
    """A context manager: serving on ``address`` between enter and exit.

    Args:
        directory: Its data, configuration and output.
        properties: Server properties beside those of one node.
        java_options: Heap and collector; ``HEAP`` does for tests.

    Attributes:
        address: ``127.0.0.1:<port>``; stays the same over restarts.
    """

    def __init__(
        self,
        directory: Path,
        *,
        properties: Mapping[str, str] | None = None,
        java_options: Sequence[str] = HEAP,
    ) -> None:
        self._directory = directory
        self._java_options = java_options
        self._process: subprocess.Popen[bytes] | None = None
        port, controller_port = _free_ports(2)
        self.address = f"127.0.0.1:{port}"
        self._properties = {
            **ONE_NODE,
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
            "log.dirs": str(directory / "data"),
            **(properties or {}),
        }

    def __enter__(self) -> "ApacheKafka":
        """Format the directory and start."""
        self.format()
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing of it is kept, so nothing is waited for."""
        self.kill()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def format(self) -> None:
        """Write the configuration and make the data directory, once."""
        lines = [f"{name}={value}\n" for name, value in self._properties.items()]
        (self._directory / "server.properties").write_text("".join(lines))
        cluster = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        command = ["kafka.tools.StorageTool", "format", "--standalone", "--cluster-id", cluster]
        subprocess.run(
            [*self._java(), *command, "--config", str(self._directory / "server.properties")],
            check=True,
            capture_output=True,
            timeout=START_SECONDS,
        )

    def start(self) -> None:
        """Start, and wait until it answers a client."""
        with (self._directory / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                [*self._java(), "kafka.Kafka", str(self._directory / "server.properties")],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                said = (self._directory / "output.log").read_text(errors="replace")
                raise AssertionError(f"Apache Kafka did not start: {said[-2000:]}")

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: in order, leadership and logs closed."""
        self._end(signal.SIGTERM)

    def _java(self) -> list[str]:
        return [
            "java",
            *self._java_options,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            class_path("kafka"),
        ]

    def _answers(self) -> bool:
        try:
            client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
            return bool(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(STOP_SECONDS)
        self._process = None


def _free_ports(count: int) -> list[int]:
    """Ports that are free and that no outgoing connection is given: they are kept over restarts."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        lowest_ephemeral = int(file.read().split()[0])
    found: list[int] = []
    first = max(lowest_ephemeral, 20_000) - 1 - os.getpid() % 8_000
    for port in range(first, 1024, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no port is free")
