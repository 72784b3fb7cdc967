"""A producer of a run in a process of its own, until SIGTERM; its journal says what it heard.

``python -m tests.chaos.producer --bootstrap A --topic T --partitions N --number K --journal FILE
[--life L] [--group G]``. Idempotent, acks=all. With a group it is transactional: it writes to
several partitions at once, commits an offset of the group with each transaction, and aborts one in
four on purpose. A client that fails is replaced; what it had under way is of unknown fate. A client
that does not return long after it must have ends the process with SIGALRM.
"""

import argparse
import faulthandler
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from tests.chaos.history import Journal

VALUES_PER_PRODUCER = 10**9
VALUES_PER_LIFE = 10**7
TRANSACTIONS_PER_LIFE = 10**6
IN_FLIGHT = 100
BURST = 20
OFFSET_PARTITION = 0  # whose offsets a transaction commits, though it read nothing
ABORTED = 4  # every so many transactions one is aborted on purpose
PAUSE_SECONDS = 0.05
TRANSACTION_SECONDS = 20
INIT_SECONDS = 30
# An error that is raised as it is where answers are taken; the client's types do not say so.
FATAL: type[BaseException] = KafkaError  # type: ignore[assignment]
FLUSH_SECONDS = 60
FLUSH_ABORTED_SECONDS = 5
SPARE_SECONDS = 15  # that a client on a busy machine may need beyond the time it is given


class ChaosProducer:
    """Sends numbers that nobody else sends, and notes what becomes of them."""

    def __init__(self, given: argparse.Namespace, journal: Journal) -> None:
        self._given = given
        self._journal = journal
        self._values = values(given)
        self._transactions = transactions(given)
        self._dice = random.Random(given.number)
        self._lives = count()
        # Never polled: it only says which group the offsets of transactions are for.
        self._reader = Consumer(
            {
                "bootstrap.servers": given.bootstrap,
                "group.id": given.group or "none",
                "log_level": 0,
            }
        )
        self._client = self._new_client()

    def _new_client(self) -> Producer:
        self._under_way = 0
        self._name = f"{self._given.number}.{self._given.life}/{next(self._lives)}"
        settings: dict[str, Any] = {
            "bootstrap.servers": self._given.bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 2,
            "socket.nagle.disable": True,  # else a host that is muted is told little more
            # Never: librdkafka begins a new epoch where a message's time is over, and numbers anew
            # what may have been written; such records would be doubled by the client.
            "message.timeout.ms": 0,
            "request.timeout.ms": 4_000,
            "socket.timeout.ms": 5_000,
            "reconnect.backoff.max.ms": 300,
            "log_level": 0,
        }
        if self._given.group:
            settings |= {
                "transactional.id": f"chaos-{self._given.number}",
                "transaction.timeout.ms": 15_000,
                "message.timeout.ms": 15_000,
            }
        return Producer(settings)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Send until it is over, then wait for what is under way."""
        step = self._transaction if self._given.group else self._burst
        is_ready = self._given.group is None
        while not is_over():
            try:
                if not is_ready:
                    must_return(INIT_SECONDS)
                    self._client.init_transactions(INIT_SECONDS)
                    is_ready = True
                step()
            except (KafkaException, FATAL):
                self._client = self._new_client()
                is_ready = self._given.group is None
            signal.alarm(0)
            time.sleep(PAUSE_SECONDS)
        with suppress(FATAL):
            self._client.flush(FLUSH_SECONDS)

    def _burst(self) -> None:
        for _ in range(BURST):
            self._send(None)
        self._client.poll(0)
        while self._under_way > IN_FLIGHT:
            self._client.poll(0.05)

    def _transaction(self) -> None:
        number = next(self._transactions)
        name = f"{self._given.number}/{number}"
        must_return(TRANSACTION_SECONDS)
        self._client.begin_transaction()
        outcome = "unknown"
        try:
            for _ in range(self._dice.randint(1, BURST)):
                self._send(name)
            self._note_offset("commit", number)
            self._client.send_offsets_to_transaction(
                [TopicPartition(self._given.topic, OFFSET_PARTITION, number)],
                self._reader.consumer_group_metadata(),
                TRANSACTION_SECONDS,
            )
            if number % ABORTED == 0:
                must_return(FLUSH_ABORTED_SECONDS + TRANSACTION_SECONDS)
                self._client.flush(FLUSH_ABORTED_SECONDS)
                self._client.abort_transaction(TRANSACTION_SECONDS)
                outcome = "aborted"
            else:
                outcome = self._commit()
        finally:
            self._journal.note("end", transaction=name, outcome=outcome)
            if outcome != "unknown":
                self._note_offset("committed" if outcome == "committed" else "dropped", number)

    def _note_offset(self, kind: str, offset: int) -> None:
        self._journal.note(kind, group=self._given.group, partition=OFFSET_PARTITION, offset=offset)

    def _commit(self) -> str:
        """Commit, repeating what may be repeated; how the transaction ended."""
        for _ in range(10):
            must_return(TRANSACTION_SECONDS)
            try:
                self._client.commit_transaction(TRANSACTION_SECONDS)
            except KafkaException as refused:
                error = refused.args[0]
                if error.txn_requires_abort():
                    must_return(TRANSACTION_SECONDS)
                    self._client.abort_transaction(TRANSACTION_SECONDS)
                    return "aborted"
                if not error.retriable():
                    raise
            else:
                return "committed"
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "never committed"))

    def _send(self, transaction: str | None) -> None:
        value = next(self._values)
        partition = self._dice.randrange(self._given.partitions)
        self._journal.note(
            "send", value=value, partition=partition, producer=self._name, transaction=transaction
        )
        self._client.produce(
            self._given.topic, b"%d" % value, partition=partition, on_delivery=self._delivered
        )
        self._under_way += 1

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        self._under_way -= 1
        self._journal.note_delivery(error, message)


def must_return(seconds: int) -> None:
    """Let SIGALRM end the process, and say where it was, unless this is called again in time.

    librdkafka heeds no timeout while it waits for the coordinator of a group (its issue 5456).

    Args:
        seconds: What the client is given for what is asked of it next.
    """
    faulthandler.register(signal.SIGALRM, chain=True)
    signal.alarm(seconds + SPARE_SECONDS)


def values(given: argparse.Namespace) -> Iterator[int]:
    """Numbers that no other producer sends, and not this one in another life."""
    return count(given.number * VALUES_PER_PRODUCER + given.life * VALUES_PER_LIFE)


def transactions(given: argparse.Namespace) -> Iterator[int]:
    """Numbers for this producer's transactions, others in every life."""
    return count(given.life * TRANSACTIONS_PER_LIFE)


def arguments() -> argparse.ArgumentParser:
    """What every producer of a run is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--life", type=int, default=0, help="so many before it came to an end")
    parser.add_argument("--journal", type=Path, required=True)
    return parser


def main() -> None:
    """Parse the arguments, send until SIGTERM."""
    parser = arguments()
    parser.add_argument("--group")
    given = parser.parse_args()
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    with Journal(given.journal) as journal:
        ChaosProducer(given, journal).run(lambda: bool(stopped))


if __name__ == "__main__":
    main()
