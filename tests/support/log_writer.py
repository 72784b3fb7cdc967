"""A process that appends to a log until it is killed, and prints what was acknowledged.

``python -m tests.support.log_writer DIRECTORY``: one idempotent producer, several batches in
flight, small segments; a line ``<offset> <value>`` for every record that is durable.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from broker_core.clock import SystemClock
from broker_core.log.cleaner import LogCleaner
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.log.partition_log import PartitionLog
from broker_core.settings import LogSettings
from tests.support.partition import batch

PRODUCER_ID = 4
IN_FLIGHT = 4
TOPIC_CONFIG = {"segment.bytes": "4096", "retention.ms": "-1"}
SETTINGS = LogSettings(index_interval_bytes=300, retention_interval=timedelta(milliseconds=5))


def numbered(sequence: int) -> bytes:
    """The batch with that sequence: one record that names it."""
    value = b"record %d " % sequence + b"." * (sequence % 500)
    return batch(value, producer_id=PRODUCER_ID, epoch=0, sequence=sequence)


async def write(log: PartitionLog, commit: GroupCommit, start: int) -> None:
    """Append from ``start`` on, for ever."""
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def one(sequence: int) -> None:
        result = log.append(numbered(sequence))
        await commit.durable(log, result.last_offset + 1)
        sys.stdout.write(f"{result.base_offset} {sequence}\n")
        sys.stdout.flush()
        slots.release()

    async with asyncio.TaskGroup() as tasks:
        sequence = start
        while True:
            await slots.acquire()
            tasks.create_task(one(sequence))
            sequence += 1


async def main(directory: Path) -> None:
    """Open the directory, recover it, write."""
    logs = LogDirectory(directory, SETTINGS, SystemClock())
    if "events" not in logs.topics():
        logs.create_topic("events", 1, TOPIC_CONFIG)
    log = logs.get("events", 0)
    assert log is not None
    commit = GroupCommit(logs.fault)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(LogCleaner(logs, commit, SystemClock()).run())
        tasks.create_task(write(log, commit, log.end_offset))


if __name__ == "__main__":
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(main(Path(sys.argv[1])))
