"""The collectors over a broker, both as processes, and what has arrived in the log."""

import json
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from pipeline.schema.codec import decode_event
from pipeline.schema.event import Event
from tests.support.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 60
STOP_SECONDS = 60


class CollectorsProcess:
    """A context manager: serving between enter and exit.

    Args:
        broker: ``host:port`` of the broker.
        settings: PipelineSettings as JSON values; where nothing else is said, syslog listens on
            port 0 and HTTP on a free port that it keeps.

    Attributes:
        ports: By collector: ``syslog_tcp``, ``syslog_udp``, ``http`` and so on.
    """

    def __init__(self, broker: str, **settings: dict[str, Any]) -> None:
        self._settings: dict[str, Any] = {"bus": {"url": f"kafka://{broker}"}, **settings}
        self._settings["syslog"] = {"port": 0, **self._settings.get("syslog", {})}
        self._settings["http"] = {"port": free_port(), **self._settings.get("http", {})}
        self._process: subprocess.Popen[str] | None = None
        self.ports: dict[str, int] = {}

    def __enter__(self) -> "CollectorsProcess":
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it in order."""
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until every collector serves."""
        command = [sys.executable, "-m", "tests.support.run_collectors"]
        self._process = subprocess.Popen(
            [*command, json.dumps(self._settings)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._process.kill()
            raise AssertionError("the collectors did not start")
        health = json.loads(line)
        self.ports = {
            name: int(one["address"].rpartition(":")[2])
            for name, one in health.items()
            if one["address"]
        }

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM: drain; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(STOP_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code


def records(broker: str, topic: str) -> list[Message]:
    """All records of a topic up to its end of now."""
    client = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": "tests-look",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        described = client.list_topics(topic, 10).topics[topic]
        ends = {}
        for number in described.partitions:
            at = TopicPartition(topic, number, 0)
            start, end = client.get_watermark_offsets(at, 10)
            if end > start:
                ends[number] = end
        client.assign([TopicPartition(topic, number, 0) for number in ends])
        found: list[Message] = []
        while ends:
            for message in client.consume(10_000, 1.0):
                assert message.error() is None, message.error()
                found.append(message)
                number, offset = message.partition(), message.offset()
                assert number is not None
                assert offset is not None
                if offset + 1 >= ends.get(number, 0):
                    ends.pop(number, None)
        return found
    finally:
        client.close()


def events(broker: str, topic: str = "events.log") -> list[Event]:
    """All events of a topic up to its end of now."""
    return [decode_event(message.value() or b"") for message in records(broker, topic)]


def cluster_id(broker: str) -> str:
    """The id of a cluster."""
    return AdminClient({"bootstrap.servers": broker}).list_topics(timeout=10).cluster_id or ""
