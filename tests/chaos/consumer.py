"""A consumer of a run in a process of its own, until SIGTERM; its journal says what it was given.

``python -m tests.chaos.consumer --bootstrap A --topic T --partitions N --journal FILE [--to-end]``.
It reads every partition from the beginning, committed records only. With ``--to-end`` it stops
where the log ended when it began, and exits with 1 if it does not come there in two minutes.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from tests.chaos.history import Journal

END_SECONDS = 120


def consumer(bootstrap: str) -> Consumer:
    """A client that may read what is committed and commits nothing itself."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "chaos",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "check.crcs": True,
            "socket.timeout.ms": 10_000,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
    )


def ends(client: Consumer, topic: str, partitions: int) -> dict[int, int]:
    """Where each partition ends for a reader of committed records."""
    found: dict[int, int] = {}
    deadline = time.monotonic() + END_SECONDS
    while len(found) < partitions:
        for index in set(range(partitions)) - found.keys():
            try:
                _, end = client.get_watermark_offsets(TopicPartition(topic, index), timeout=10)
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                continue
            found[index] = end
    return found


def run(given: argparse.Namespace, journal: Journal, stopped: list[bool]) -> bool:
    """Read until SIGTERM, or to the end; whether it came there."""
    client = consumer(given.bootstrap)
    open_ends = ends(client, given.topic, given.partitions) if given.to_end else {}
    partitions = range(given.partitions)
    client.assign([TopicPartition(given.topic, index, OFFSET_BEGINNING) for index in partitions])
    deadline = time.monotonic() + END_SECONDS
    while not stopped:
        for message in client.consume(500, 0.2):
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            error = message.error()
            if error is None:
                value = int(message.value() or b"-1")
                journal.note("read", partition=partition, offset=offset, value=value)
                offset += 1
            elif error.code() != KafkaError._PARTITION_EOF:
                continue  # markers may end a partition: then only its end says so
            if offset >= open_ends.get(partition, offset + 1):
                del open_ends[partition]
        if given.to_end and (not open_ends or time.monotonic() > deadline):
            break
    client.close()
    return not open_ends


def main() -> None:
    """Parse the arguments, read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--to-end", action="store_true")
    given = parser.parse_args()
    stopped: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    with Journal(given.journal) as journal:
        sys.exit(0 if run(given, journal, stopped) else 1)


if __name__ == "__main__":
    main()
