"""From the log to stored: CPU microseconds an event of the sinks, the store and the broker.

``./tocsin bench sinks [--seconds 20] [--rate 10000] [--batch-age 1.0] [--batch-rows 10000]``;
JSON on stdout. Events as the collectors make them are published at the given rate, spread over the
partitions; ``--rate 0`` publishes all of them before the sinks start.
"""

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.collectors.recording import Recorder
from pipeline.collectors.spill_over import SpillOver
from pipeline.parsing.detect import Dialect
from pipeline.schema.event import EventIds
from pipeline.schema.topics import EVENTS_LOG
from pipeline.settings import BusSettings
from pipeline.store.client import NamedQuery, StoreClient
from tests.bench.syslog_sender import messages
from tests.support.sinks import Plant, plant
from tests.support.waiting import until

PARTITIONS = 6
POOL = 20_000
TICK_SECONDS = 0.05


def pool() -> list[bytes]:
    """The values of records, as the collectors would have made them of a mix of messages."""
    recorder = Recorder(
        "bench", ids=EventIds(time.time_ns), spill_over=SpillOver(events_per_second=10**9)
    )
    lines = [line.split(b" ", 1)[1] for line in itertools.islice(messages(1), POOL)]
    records = recorder.logs(lines, source="syslog:127.0.0.1", dialect=Dialect.SYSLOG)
    return [record.value or b"" for record in records]


async def publish(bus: BusSettings, values: Sequence[bytes], *, rate: int, total: int) -> None:
    """Publish that many, as fast as the rate says; 0 is as fast as the log takes them."""
    async with Producer(bus, client_id="bench") as producer, asyncio.TaskGroup() as tasks:
        sent, started = 0, time.monotonic()
        while sent < total:
            due = total if not rate else min(total, int((time.monotonic() - started) * rate))
            due = min(due, sent + 2_000)
            records = [
                OutgoingRecord(
                    topic=EVENTS_LOG,
                    value=values[number % len(values)],
                    partition=number // 50 % PARTITIONS,
                )
                for number in range(sent, due)
            ]
            sent = due
            publishing = tasks.create_task(producer.publish(records))
            await (asyncio.sleep(TICK_SECONDS) if rate else publishing)


async def stored(plant: Plant) -> int:
    """How many events the store has."""
    async with StoreClient(plant.store.settings) as client:
        query = NamedQuery(name="bench", sql="SELECT count() FROM events", parameters={})
        return int((await client.query(query))[0][0])


def cpu_seconds(plant: Plant) -> dict[str, float]:
    """User and system time of each process so far."""
    pids = {"broker": plant.broker.pid, "store": plant.store.pid, "sinks": plant.sinks.pid}
    times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
    return {name: spent.user + spent.system for name, spent in times.items()}


def measure(plant: Plant, *, rate: int, total: int) -> dict[str, Any]:
    """Publish, wait until all is stored, and divide."""
    values = pool()
    if not rate:
        asyncio.run(publish(plant.bus, values, rate=0, total=total))
    plant.sinks.start()
    before, started = cpu_seconds(plant), time.monotonic()
    if rate:
        asyncio.run(publish(plant.bus, values, rate=rate, total=total))
    until(lambda: asyncio.run(stored(plant)) >= total, "everything is stored", seconds=300)
    elapsed = time.monotonic() - started
    used = {name: seconds - before[name] for name, seconds in cpu_seconds(plant).items()}
    return {
        "events": total,
        "seconds": round(elapsed, 2),
        "cpu_us_per_event": {name: round(1e6 * used[name] / total, 1) for name in used},
    }


def main() -> None:
    """Parse the arguments, run, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--batch-age", type=float, default=1.0)
    parser.add_argument("--batch-rows", type=int, default=10_000)
    given = parser.parse_args()
    batches = {"batch_age": given.batch_age, "batch_rows": given.batch_rows}
    total = (given.rate or 10_000) * given.seconds
    with tempfile.TemporaryDirectory() as scratch, plant(Path(scratch), store=batches) as found:
        result = measure(found, rate=given.rate, total=total)
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
