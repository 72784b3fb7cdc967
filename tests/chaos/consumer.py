"""A consumer of a run in a process of its own, until SIGTERM; its journal says what it was given.

``python -m tests.chaos.consumer --bootstrap A --topic T --partitions N --journal FILE --group G
[--to-end GROUP ...]``. It reads every partition from the beginning, committed records only, and
commits how far it is. With ``--to-end`` it commits nothing, stops where the log ends, notes where
that is and what the groups named have committed, and exits with 1 if it does not come there.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from tests.chaos.history import NOTHING_COMMITTED, Journal

END_SECONDS = 120.0
READ_SECONDS = 1200.0  # a long run's whole log, on a busy machine
COMMIT_SECONDS = 0.5
ASK_SECONDS = 5.0
CLIENT = {"socket.timeout.ms": 5_000, "reconnect.backoff.max.ms": 300, "log_level": 0}


class ChaosConsumer:
    """Reads what is committed, and commits how far it is."""

    def __init__(self, given: argparse.Namespace, journal: Journal) -> None:
        self._given = given
        self._journal = journal
        self._next: dict[int, int] = {}
        self._attempted: dict[int, int] = {}
        self._client = reader(given.bootstrap, given.group, on_commit=self._committed)
        self._client.assign(
            [
                TopicPartition(given.topic, index, OFFSET_BEGINNING)
                for index in range(given.partitions)
            ]
        )

    def run(self, is_over: Callable[[], bool]) -> None:
        """Read and commit until it is over."""
        committed = time.monotonic()
        while not is_over():
            self._read()
            if time.monotonic() - committed > COMMIT_SECONDS:
                committed = time.monotonic()
                self._commit()
        self._client.close()

    def read_until(self, ends: dict[int, int]) -> bool:
        """Read until every partition is at its end; whether that happened in time."""
        deadline = time.monotonic() + READ_SECONDS
        while any(self._next.get(index, 0) < end for index, end in ends.items()):
            if time.monotonic() > deadline:
                return False
            self._read()
        self._client.close()
        return True

    def _read(self) -> None:
        for message in self._client.consume(500, 0.1):
            partition, offset = place(message)
            error = message.error()
            if error is None:
                value = int(message.value() or b"-1")
                self._journal.note("read", partition=partition, offset=offset, value=value)
                self._next[partition] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:  # says where markers end, too
                self._next[partition] = offset
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError._BAD_MSG):
                self._journal.note("trouble", partition=partition, reason=str(error))

    def _commit(self) -> None:
        offsets = []
        for index, offset in self._next.items():
            if self._attempted.get(index, 0) < offset:
                self._attempted[index] = offset
                self._note_offset("commit", index, offset)
                offsets.append(TopicPartition(self._given.topic, index, offset))
        if offsets:
            self._client.commit(offsets=offsets, asynchronous=True)

    def _committed(self, error: KafkaError | None, offsets: Sequence[TopicPartition]) -> None:
        for each in offsets:
            if error is None and each.error is None:
                self._note_offset("committed", each.partition, each.offset)

    def _note_offset(self, kind: str, index: int, offset: int) -> None:
        group = self._given.group
        self._journal.note(kind, group=group, partition=index, offset=offset)


def reader(bootstrap: str, group: str, **more: Any) -> Consumer:
    """A consumer of committed records that decides itself where it reads."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "check.crcs": True,
            **CLIENT,
            **more,
        }
    )


def place(message: Message) -> tuple[int, int]:
    """Partition and offset of what was received."""
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return partition, offset


def _ends(given: argparse.Namespace, journal: Journal) -> dict[int, int]:
    """Where committed records end, once no transaction is open any more or none should be."""
    admin = AdminClient({"bootstrap.servers": given.bootstrap, **CLIENT})
    deadline = time.monotonic() + END_SECONDS
    while True:
        stable = _latest(admin, given, IsolationLevel.READ_COMMITTED)
        marks = _latest(admin, given, IsolationLevel.READ_UNCOMMITTED)
        is_known = len(stable) == len(marks) == given.partitions
        if (is_known and stable == marks) or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    for index, offset in stable.items():
        journal.note("stable", partition=index, offset=offset, high_watermark=marks[index])
    return stable


def _latest(admin: AdminClient, given: argparse.Namespace, level: IsolationLevel) -> dict[int, int]:
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(given.topic, index): latest for index in range(given.partitions)}
    found = {}
    for where, answer in admin.list_offsets(
        asked, isolation_level=level, request_timeout=ASK_SECONDS
    ).items():
        try:
            found[where.partition] = answer.result().offset
        except KafkaException:
            continue
    return found


def _offsets(given: argparse.Namespace, group: str) -> Iterator[TopicPartition]:
    """What a group has committed, asked until somebody knows."""
    deadline = time.monotonic() + END_SECONDS
    asked = [TopicPartition(given.topic, index) for index in range(given.partitions)]
    client = reader(given.bootstrap, group)
    while True:
        try:
            found = client.committed(asked, timeout=ASK_SECONDS)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
        else:
            client.close()
            yield from found
            return


def _read_to_end(given: argparse.Namespace, journal: Journal) -> bool:
    ends = _ends(given, journal)
    for group in given.to_end:
        for each in _offsets(given, group):
            offset = each.offset if each.offset >= 0 else NOTHING_COMMITTED
            journal.note("offset", group=group, partition=each.partition, offset=offset)
    return len(ends) == given.partitions and ChaosConsumer(given, journal).read_until(ends)


def main() -> None:
    """Parse the arguments, read."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--to-end", nargs="*")
    given = parser.parse_args()
    stopped: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    with Journal(given.journal) as journal:
        if given.to_end is None:
            ChaosConsumer(given, journal).run(lambda: bool(stopped))
        elif not _read_to_end(given, journal):
            sys.exit(1)


if __name__ == "__main__":
    main()
