"""What the broker costs as it grows: partitions, connections, groups, gigabytes; JSON on stdout.

``./tocsin bench growth [--partitions 1000] [--connections 500] [--groups 100] [--gigabytes 50]``.
The log is made of batches whose values are holes (``growth_log``), two fifths of it sealed segments
of one partition, the rest in the segments that are written to, which is what a crash makes a broker
look at. It is started after an orderly end, read and written by everybody at once, killed, and
started again, once as it was left and once without its recovery marks. ``read_mib`` is what it read
from its files until it served; ``machine_load`` are the processes that wanted to run before.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

import psutil
import structlog
import uvloop

from broker_core.log.file_layout import RECOVERY_MARK
from tests.bench.growth_clients import Member, Seen, produce
from tests.bench.growth_log import WIDE, write_log
from tests.support.standalone_broker import StandaloneBroker

START_SECONDS = 900
JOIN_SECONDS = 120
WARM_UP_SECONDS = 3
QUIET_SECONDS = 2
RATE = 100
SHARES = 40
MIB = 1 << 20


def started(broker: StandaloneBroker) -> dict[str, float]:
    """Start it; how long that took, what it read, what it occupies."""
    before = time.monotonic()
    broker.start(seconds=START_SECONDS)
    took = time.monotonic() - before
    process = psutil.Process(broker.pid)
    return {
        "seconds": round(took, 2),
        "cpu_seconds": round(sum(process.cpu_times()[:2]), 2),
        "read_mib": round(process.io_counters().read_chars / MIB, 1),
        "memory_mib": round(process.memory_info().rss / MIB, 1),
    }


async def load(
    broker: StandaloneBroker, *, partitions: int, connections: int, groups: int, seconds: int
) -> dict[str, Any]:
    """Everybody at once: two connections a member, one to fetch and one for its group."""
    seen = Seen()
    process = psutil.Process(broker.pid)
    count = connections // 2
    members = [
        Member(broker.address, f"group-{number % groups}", WIDE, partitions_of)
        for number, partitions_of in enumerate(_shares(count, groups, partitions))
    ]
    running = [asyncio.create_task(member.run(seen)) for member in members]
    async with asyncio.timeout(JOIN_SECONDS):
        while seen.members < count or seen.fetches < 2 * count:  # noqa: ASYNC110 # of many
            await asyncio.sleep(0.1)
    await asyncio.sleep(WARM_UP_SECONDS)
    idle = await _used(process, seconds, asyncio.sleep(seconds))
    before = seen.fetches
    seen.delays.clear()
    busy = await _used(
        process, seconds, produce(broker.address, WIDE, partitions, rate=RATE, seconds=seconds)
    )
    async with asyncio.timeout(JOIN_SECONDS):
        await _settled(seen)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    failed = [task for task in running if not task.cancelled()]
    assert not failed, failed[0].exception()
    cuts = quantiles(seen.delays, n=100)
    return {
        "members": count,
        "groups": len({member._group for member in members}),
        "partitions_of_a_member": len(members[0]._partitions),
        "idle_cpu_share": idle,
        "busy_cpu_share": busy,
        "produced_a_second": RATE,
        "fetches_a_second": round((seen.fetches - before) / seconds),
        "deliveries": len(seen.delays),
        "latency_ms": {"p50": round(cuts[49] * 1e3, 2), "p99": round(cuts[98] * 1e3, 2)},
        "memory_mib": round(process.memory_info().rss / MIB, 1),
    }


def _shares(members: int, groups: int, partitions: int) -> list[list[int]]:
    """Which partitions each member reads; every group reads a fortieth of them, or more."""
    shares = []
    apart = min(SHARES, groups)
    for number in range(members):
        group, place = number % groups, number // groups
        in_group = len(range(group, members, groups))
        shares.append(list(range(group % apart, partitions, apart))[place::in_group])
    return shares


async def _settled(seen: Seen) -> None:
    """Return once records have come and nothing more does."""
    before = 0
    while not seen.delays or len(seen.delays) > before:
        before = len(seen.delays)
        await asyncio.sleep(QUIET_SECONDS)


async def _used(process: psutil.Process, seconds: float, during: Any) -> float:
    """How much of a processor the broker used meanwhile."""
    before = sum(process.cpu_times()[:2])
    await during
    return round((sum(process.cpu_times()[:2]) - before) / seconds, 3)


def measure(directory: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Every measurement, one after the other."""
    data = directory / "broker"
    begun = time.monotonic()
    write_log(data, partitions=given.partitions, total_bytes=int(given.gigabytes * 1e9))
    real = sum(path.stat().st_blocks * 512 for path in data.rglob("*"))
    result: dict[str, Any] = {
        "machine_load": round(os.getloadavg()[0], 1),
        "log": {
            "partitions": given.partitions,
            "gigabytes": given.gigabytes,
            "real_mib": round(real / MIB),
            "made_in_seconds": round(time.monotonic() - begun, 1),
        },
    }
    broker = StandaloneBroker(data)
    try:
        result["start_after_orderly_end"] = started(broker)
        result["load"] = uvloop.run(
            load(
                broker,
                partitions=given.partitions - 1,
                connections=given.connections,
                groups=given.groups,
                seconds=given.seconds,
            )
        )
        broker.kill()
        result["start_after_kill"] = started(broker)
        broker.kill()
        for mark in data.glob(f"*/{RECOVERY_MARK}"):
            mark.unlink()
        result["start_after_kill_without_marks"] = started(broker)
    finally:
        broker.kill()
    return result


def main() -> None:
    """Parse the arguments, run, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--partitions", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--gigabytes", type=float, default=50)
    parser.add_argument("--seconds", type=int, default=20, help="of each run under load")
    parser.add_argument("--scratch", type=Path, help="where to make the log; the system's default")
    given = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory(dir=given.scratch) as directory:
        result = measure(Path(directory), given)
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
