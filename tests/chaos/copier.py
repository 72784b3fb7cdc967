"""Copies committed records to another topic exactly once, in a process of its own, until SIGTERM.

``python -m tests.chaos.copier --bootstrap A --topic T --partitions N --number K --journal FILE
[--life L] --group G --target COPY``. It reads committed records only and writes each to the same
partition of the target, in transactions that commit how far it has read. Whenever anything fails it
begins anew where its group says that it was. Its journal is for whoever notes that it died.
"""

import argparse
import signal
import time
from contextlib import suppress

from confluent_kafka import KafkaException, Producer, TopicPartition

from tests.chaos.consumer import ASK_SECONDS, CLIENT, place, reader
from tests.chaos.producer import (
    FATAL,
    INIT_SECONDS,
    PAUSE_SECONDS,
    TRANSACTION_SECONDS,
    arguments,
    must_return,
)

MOST_RECORDS = 500
POLL_SECONDS = 0.5


class Copier:
    """A reader and a writer, from where the group's offsets say until anything fails."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._reader = reader(given.bootstrap, given.group, **{"auto.offset.reset": "earliest"})
        self._writer = Producer(
            {
                "bootstrap.servers": given.bootstrap,
                "transactional.id": given.group,
                "transaction.timeout.ms": 15_000,
                "message.timeout.ms": 15_000,
                "linger.ms": 2,
                **CLIENT,
            }
        )

    def begin(self) -> None:
        """Fence whoever was at it before, then read on from where it came to."""
        self._writer.init_transactions(INIT_SECONDS)
        wanted = [TopicPartition(self._given.topic, each) for each in range(self._given.partitions)]
        self._reader.assign(self._reader.committed(wanted, timeout=ASK_SECONDS))

    def copy(self) -> None:
        """Copy what has come, in one transaction."""
        records = [
            message
            for message in self._reader.consume(MOST_RECORDS, POLL_SECONDS)
            if message.error() is None  # else a partition's end, or a node that is away
        ]
        if not records:
            return
        self._writer.begin_transaction()
        for record in records:
            self._writer.produce(self._given.target, record.value(), partition=place(record)[0])
        read = {partition: offset + 1 for partition, offset in map(place, records)}
        self._writer.send_offsets_to_transaction(
            [TopicPartition(self._given.topic, *each) for each in read.items()],
            self._reader.consumer_group_metadata(),
            TRANSACTION_SECONDS,
        )
        must_return(TRANSACTION_SECONDS)
        self._writer.commit_transaction(TRANSACTION_SECONDS)

    def close(self) -> None:
        """Let go of the reader; a transaction that is open is aborted by whoever comes next."""
        self._reader.close()


def main() -> None:
    """Parse the arguments, copy until SIGTERM."""
    parser = arguments()
    parser.add_argument("--group", required=True)
    parser.add_argument("--target", required=True)
    given = parser.parse_args()
    stopped: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    while not stopped:
        must_return(INIT_SECONDS)
        copier = Copier(given)
        with suppress(KafkaException, FATAL):
            copier.begin()
            while not stopped:
                must_return(TRANSACTION_SECONDS)
                copier.copy()
        must_return(TRANSACTION_SECONDS)
        copier.close()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
