"""What a run's history says about the log: every way in which it broke its word. Pure.

In the manner of Jepsen's Kafka workload. Held are, for idempotent producers and a consumer that
reads committed records only, with nothing deleted by retention:

- **lost**: acknowledged (and, in a transaction, committed), yet not in the log;
- **moved**: acknowledged at one offset, in the log at another;
- **doubled**: in the log more than once;
- **reordered**: two records of one producer and partition, in the log the other way round;
- **aborted**: of an aborted transaction, yet given to a consumer;
- **torn**: of a transaction whose end nobody heard, in the log only in part;
- **changed**: given to a consumer at an offset where the log has something else, or nothing;
- **backwards**: a consumer's offsets that do not grow;
- **invented**: in the log, never sent.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.history import History, Sent


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One broken promise.

    Attributes:
        kind: Which, by the names above.
        detail: The record and what was expected of it.
    """

    kind: str
    detail: str


def check(history: History) -> list[Anomaly]:
    """Every anomaly of the run; none means that the log kept its word."""
    return [
        *_acknowledged(history),
        *_once(history),
        *_order(history),
        *_transactions(history),
        *_consumers(history),
    ]


def _is_due(history: History, record: Sent) -> bool:
    """Whether the log owes us the record."""
    if record.value not in history.acknowledged:
        return False
    if record.transaction is None:
        return True
    return history.transactions.get(record.transaction) == "committed"


def _acknowledged(history: History) -> Iterator[Anomaly]:
    places = {read.value: (read.partition, read.offset) for read in history.final}
    for record in history.sent:
        if not _is_due(history, record):
            continue
        promised = (record.partition, history.acknowledged[record.value])
        found = places.get(record.value)
        if found is None:
            yield Anomaly("lost", f"{record}, acknowledged at {promised}")
        elif found != promised:
            yield Anomaly("moved", f"{record}, acknowledged at {promised}, lies at {found}")


def _once(history: History) -> Iterator[Anomaly]:
    known = {record.value for record in history.sent}
    for value, times in Counter(read.value for read in history.final).items():
        if times > 1:
            yield Anomaly("doubled", f"value {value} lies there {times} times")
        if value not in known:
            yield Anomaly("invented", f"value {value} was never sent")


def _order(history: History) -> Iterator[Anomaly]:
    offsets = {read.value: read.offset for read in history.final}
    last: dict[tuple[str, int], Sent] = {}
    for record in history.sent:
        if record.value not in offsets:
            continue
        stream = (record.producer, record.partition)
        before = last.get(stream)
        if before is not None and offsets[before.value] > offsets[record.value]:
            yield Anomaly("reordered", f"{record} lies before {before}")
        last[stream] = record


def _transactions(history: History) -> Iterator[Anomaly]:
    members: dict[str, list[int]] = defaultdict(list)
    for record in history.sent:
        if record.transaction is not None:
            members[record.transaction].append(record.value)
    final = {read.value for read in history.final}
    seen = final.union(read.value for reads in history.reads.values() for read in reads)
    for transaction, values in members.items():
        outcome = history.transactions.get(transaction, "unknown")
        if outcome == "aborted":
            for value in seen.intersection(values):
                yield Anomaly("aborted", f"value {value} of {transaction} was shown")
        elif outcome == "unknown" and 0 < (there := len(final.intersection(values))) < len(values):
            yield Anomaly("torn", f"{transaction}: {there} of {len(values)} records lie there")


def _consumers(history: History) -> Iterator[Anomaly]:
    log = {(read.partition, read.offset): read.value for read in history.final}
    for consumer, reads in history.reads.items():
        last: dict[int, int] = {}
        for read in reads:
            there = log.get((read.partition, read.offset))
            if there != read.value:
                yield Anomaly("changed", f"{consumer} was given {read}, the log has {there}")
            if read.offset <= last.get(read.partition, -1):
                yield Anomaly("backwards", f"{consumer} was given {read} after {last}")
            last[read.partition] = read.offset
