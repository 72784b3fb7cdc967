"""Pairs of producers with one transactional id, in a process of their own, until SIGTERM.

``python -m tests.chaos.zombie --bootstrap A --topic T --partitions N --number K --journal FILE
[--life L]``.
The first of a pair writes half a transaction; the second takes the id over, which aborts it, and
writes as much. Then the first goes on as if nothing had been: all of its records are of an aborted
transaction, and the last ones carry just the sequence numbers that the second would use next. At
last the second commits.

After some pairs another process goes on: a client of librdkafka that is gone keeps one of the
1,024 thread-specific keys of its process (``PTHREAD_KEYS_MAX``).
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from confluent_kafka import KafkaException, Producer

from tests.chaos.history import Journal
from tests.chaos.producer import (
    FATAL,
    INIT_SECONDS,
    TRANSACTION_SECONDS,
    arguments,
    must_return,
    transactions,
    values,
)

RECORDS = 5
PAUSE_SECONDS = 0.5
PAIRS_PER_PROCESS = 400
LIVES_APART = 20  # between processes that go on; those in the place of a dead one count by one
REFUSED_SECONDS = 3.0


class ZombiePair:
    """One pair after the other, and notes of what becomes of their records."""

    def __init__(self, given: argparse.Namespace, journal: Journal) -> None:
        self._given = given
        self._journal = journal
        self._values = values(given)
        self._pairs = transactions(given)

    def run(self, is_over: Callable[[], bool]) -> None:
        """Let pairs write until it is over, or this process has had enough of them."""
        for _ in range(PAIRS_PER_PROCESS):
            if is_over():
                return
            name = f"{self._given.number}/{next(self._pairs)}"
            outcomes = {f"{name}/first": "unknown", f"{name}/second": "unknown"}
            try:
                with ExitStack() as clients:
                    self._write(name, outcomes, clients)
            except (KafkaException, FATAL):
                time.sleep(PAUSE_SECONDS)  # a fault came in between: whatever was written may stay
            signal.alarm(0)
            for transaction, outcome in outcomes.items():
                self._journal.note("end", transaction=transaction, outcome=outcome)
            time.sleep(PAUSE_SECONDS)

    def _write(self, name: str, outcomes: dict[str, str], clients: ExitStack) -> None:
        first = self._begin(name, clients)
        self._send(first, f"{name}/first")
        must_return(TRANSACTION_SECONDS)
        first.flush(TRANSACTION_SECONDS)
        second = self._begin(name, clients)
        outcomes[f"{name}/first"] = "aborted"
        must_return(TRANSACTION_SECONDS)
        self._send(second, f"{name}/second")
        second.flush(TRANSACTION_SECONDS)
        self._send(first, f"{name}/first")
        with suppress(FATAL):
            first.flush(REFUSED_SECONDS)
        must_return(TRANSACTION_SECONDS)
        second.commit_transaction(TRANSACTION_SECONDS)
        outcomes[f"{name}/second"] = "committed"

    def _begin(self, name: str, clients: ExitStack) -> Producer:
        client = Producer(
            {
                "bootstrap.servers": self._given.bootstrap,
                "transactional.id": f"zombie-{name}",
                "transaction.timeout.ms": 10_000,
                "message.timeout.ms": 10_000,
                "socket.timeout.ms": 5_000,
                "reconnect.backoff.max.ms": 300,
                "log_level": 0,
            }
        )
        clients.callback(client.close)  # one that has failed for good does not go by itself
        must_return(INIT_SECONDS)
        client.init_transactions(INIT_SECONDS)
        client.begin_transaction()
        return client

    def _send(self, client: Producer, transaction: str) -> None:
        partition = self._given.number % self._given.partitions
        for _ in range(RECORDS):
            value = next(self._values)
            self._journal.note(
                "send",
                value=value,
                partition=partition,
                producer=transaction,
                transaction=transaction,
            )
            client.produce(
                self._given.topic,
                b"%d" % value,
                partition=partition,
                on_delivery=self._journal.note_delivery,
            )


def main() -> None:
    """Parse the arguments, write until SIGTERM."""
    given = arguments().parse_args()
    stopped: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with Journal(given.journal) as journal:
        ZombiePair(given, journal).run(lambda: bool(stopped))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # the next one takes it
    if not stopped:
        life = ["--life", str(given.life + LIVES_APART)]
        module = [sys.executable, "-m", "tests.chaos.zombie"]
        os.execv(sys.executable, [*module, *sys.argv[1:], *life])


if __name__ == "__main__":
    main()
