"""Our broker beside Apache Kafka: one client, one machine, one run; JSON on stdout.

``./tocsin bench broker [--vs kafka] [--mebibytes 64] [--seconds 10]``. Both run at the same time
and are measured in turn, so that a noisy machine is noisy to both; read the ratios (ours through
theirs).
Ours syncs to disk before it acknowledges, Kafka leaves that to the kernel: each as it comes.
Apache Kafka is fetched by ``python -m tests.support.maven kafka`` and started with its own
script's heap (1 GiB) and collector.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench.broker_client import Load, Rates, end_to_end, fill, make_topic, steady, swallow
from tests.support.apache_kafka import ApacheKafka
from tests.support.maven import fetch
from tests.support.standalone_broker import StandaloneBroker

KAFKA_JAVA = (
    *("-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    *("-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"),
)
LOADS = [
    Load(record_bytes=record_bytes, codec=codec, partitions=partitions)
    for record_bytes in (200, 1024)
    for codec in ("none", "lz4")
    for partitions in (1, 12)
]
WARM_UP = Load(record_bytes=200, codec="lz4", partitions=1)
LATENCY_RATE = 500
STEADY_RATE = 10_000


@dataclass(frozen=True, slots=True)
class Server:
    """A broker under measurement."""

    name: str
    address: str
    process: psutil.Process
    start_seconds: float

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory_mib(self) -> float:
        """Resident memory."""
        return round(self.process.memory_info().rss / 2**20, 1)


@contextmanager
def servers(names: Sequence[str], scratch: Path) -> Iterator[list[Server]]:
    """The brokers by name, running."""
    running = []
    with ExitStack() as stack:
        for name in names:
            folder = scratch / name
            folder.mkdir()
            running.append(_start(name, folder, stack))
        yield running


def _start(name: str, folder: Path, stack: ExitStack) -> Server:
    broker: StandaloneBroker | ApacheKafka
    if name == "ours":
        broker = StandaloneBroker(folder)
    else:
        fetch("kafka")
        broker = ApacheKafka(folder, java_options=KAFKA_JAVA)
        broker.format()
    started = time.monotonic()
    broker.start()
    took = time.monotonic() - started
    stack.callback(broker.kill)
    return Server(name, broker.address, psutil.Process(broker.pid), took)


def measure(found: list[Server], *, mebibytes: int, seconds: int) -> dict[str, Any]:
    """Every measurement for every server, in turn."""
    machine_load = {"before": _machine_load()}
    result: dict[str, Any] = {server.name: {"throughput": {}} for server in found}
    for server in found * 2:  # a virtual machine compiles what it has run often
        _throughput(server, WARM_UP, mebibytes << 20)
    for load in LOADS:
        for server in found:
            result[server.name]["throughput"][load.name] = _throughput(
                server, load, mebibytes << 20
            )
    for server in found:
        result[server.name] |= {
            "latency_ms": {
                f"linger {linger_ms} ms": _latency(server, linger_ms, seconds)
                for linger_ms in (0, 5)
            },
            "steady": _steady(server, seconds),
            "memory_mib": server.memory_mib(),
            "start_seconds": round(server.start_seconds, 2),
        }
    result["machine_load"] = machine_load | {"after": _machine_load()}
    return result


def _machine_load() -> float:
    """How many processes wanted to run, over the last minute: what disturbs the figures."""
    return round(os.getloadavg()[0], 1)


def _latency(server: Server, linger_ms: int, seconds: int) -> dict[str, float]:
    topic = make_topic(server.address, partitions=1)
    return end_to_end(
        server.address, topic, rate=LATENCY_RATE, seconds=seconds, linger_ms=linger_ms
    )


def _throughput(server: Server, load: Load, total_bytes: int) -> dict[str, Any]:
    topic = make_topic(server.address, partitions=load.partitions)
    before = server.cpu_seconds()
    produced = fill(server.address, topic, load, total_bytes)
    between = server.cpu_seconds()
    consumed = swallow(server.address, topic, produced.records)
    after = server.cpu_seconds()
    return {
        "produce": {**_speed(produced, load), "broker_cpu_seconds": round(between - before, 2)},
        "consume": {**_speed(consumed, load), "broker_cpu_seconds": round(after - between, 2)},
    }


def _speed(rates: Rates, load: Load) -> dict[str, float]:
    return {
        "records_per_second": round(rates.records / rates.seconds),
        "mib_per_second": round(rates.records * load.record_bytes / rates.seconds / 2**20, 1),
    }


def _steady(server: Server, seconds: int) -> dict[str, float]:
    """Processor time at a rate that the client sustains, so that it hides nothing."""
    load = Load(record_bytes=1024, codec="none", partitions=6)
    topic = make_topic(server.address, partitions=load.partitions)
    before = server.cpu_seconds()
    passed = steady(server.address, topic, load, rate=STEADY_RATE, seconds=seconds)
    used = server.cpu_seconds() - before
    return {
        "records_per_second": round(passed.records / passed.seconds),
        "cpu_seconds_per_gb": round(used / (passed.records * load.record_bytes / 1e9), 2),
        "cpu_seconds_per_million_records": round(used / (passed.records / 1e6), 2),
    }


def ratios(ours: Any, theirs: Any) -> Any:
    """Ours through theirs, for every number of the same name."""
    if isinstance(ours, dict):
        return {name: ratios(ours[name], theirs[name]) for name in ours}
    return round(ours / theirs, 2) if theirs else None


def main() -> None:
    """Parse the arguments, run, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vs", choices=["kafka"], help="the other broker")
    parser.add_argument("--mebibytes", type=int, default=64, help="sent in each throughput run")
    parser.add_argument("--seconds", type=int, default=10, help="of each run at a fixed rate")
    given = parser.parse_args()
    names = ["ours", given.vs] if given.vs else ["ours"]
    with tempfile.TemporaryDirectory() as scratch, servers(names, Path(scratch)) as running:
        result = measure(running, mebibytes=given.mebibytes, seconds=given.seconds)
    if given.vs:
        result["ratio"] = ratios(result["ours"], result[given.vs])
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
