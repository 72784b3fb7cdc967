"""What a run's history says about the log: every way in which it broke its word. Pure.

In the manner of Jepsen's Kafka workload. Held are, for idempotent producers and a consumer that
reads committed records only, with nothing deleted by retention:

- **lost**: acknowledged or of a committed transaction, yet not in the log;
- **moved**: acknowledged at one offset, in the log at another;
- **doubled**: in the log more than once;
- **reordered**: two records of one producer and partition, in the log the other way round;
- **aborted**: of an aborted transaction, yet given to a consumer;
- **torn**: of a transaction whose end nobody heard, in the log only in part;
- **changed**: given to a consumer at an offset where the log has something else, or nothing;
- **skipped**: in the log, yet not given to a consumer that was given what lies behind it;
- **backwards**: a consumer's offsets that do not grow;
- **invented**: in the log, never sent;
- **refused**: a consumer that was told of an offset out of range, or of broken records;
- **hanging**: a transaction that nobody ends holds readers back;
- **apart**: copies that do not come in sync again after a fault (said by :mod:`tests.chaos.run`);
- **miscopied**: what was copied, with the reader's offset in the same transaction, is not what lies
  before that offset: record by record, each once;
- **forgotten**: a group's offset that is neither the last one acknowledged nor one whose fate it
  never heard.

That the copies of a partition are byte for byte the same is :mod:`tests.chaos.copies`' to say.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from tests.chaos.history import COPIER, NOTHING_COMMITTED, History, Read, Sent


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
        *_offsets(history),
        *_copied(history),
        *(Anomaly("refused", trouble) for trouble in history.troubles),
        *(
            Anomaly("hanging", f"partition {partition}: stable up to {stable}, it ends at {end}")
            for partition, (stable, end) in history.unstable.items()
        ),
    ]


def _acknowledged(history: History) -> Iterator[Anomaly]:
    places = {read.value: (read.partition, read.offset) for read in history.final}
    for record in history.sent:
        offset = history.acknowledged.get(record.value)
        found = places.get(record.value)
        if found is None:
            if _is_due(history, record):
                yield Anomaly("lost", f"{record}, acknowledged at offset {offset}")
        elif found[0] != record.partition or offset not in (None, found[1]):
            yield Anomaly("moved", f"{record}, acknowledged at offset {offset}, lies at {found}")


def _is_due(history: History, record: Sent) -> bool:
    """Whether the log owes us the record."""
    if record.transaction is None:
        return record.value in history.acknowledged
    return history.transactions.get(record.transaction) == "committed"


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
    offsets: dict[int, list[int]] = defaultdict(list)
    for partition, offset in sorted(log):
        offsets[partition].append(offset)
    yield from _backwards("final", history.final)
    for consumer, reads in history.reads.items():
        yield from _backwards(consumer, reads)
        last: dict[int, int] = {}
        for read in reads:
            there = log.get((read.partition, read.offset))
            if there != read.value:
                yield Anomaly("changed", f"{consumer} was given {read}, the log has {there}")
            known = offsets[read.partition]
            begin = bisect_right(known, last.get(read.partition, -1))
            if skipped := known[begin : bisect_left(known, read.offset)]:
                detail = f"{consumer} was given {read}, but not {len(skipped)} from {skipped[0]} on"
                yield Anomaly("skipped", detail)
            last[read.partition] = max(read.offset, last.get(read.partition, -1))


def _backwards(consumer: str, reads: Sequence[Read]) -> Iterator[Anomaly]:
    last: dict[int, int] = {}
    for read in reads:
        before = last.get(read.partition, -1)
        if read.offset <= before:
            yield Anomaly("backwards", f"{consumer} was given {read} after offset {before}")
        last[read.partition] = read.offset


def _offsets(history: History) -> Iterator[Anomaly]:
    for (group, partition), committed in history.commits.items():
        kept = committed.acknowledged[-1] if committed.acknowledged else NOTHING_COMMITTED
        unheard = committed.attempted.difference(committed.acknowledged)
        found = history.offsets.get((group, partition), NOTHING_COMMITTED)
        if found != kept and found not in unheard:
            yield Anomaly("forgotten", f"{group}, partition {partition}: {found} instead of {kept}")


def _copied(history: History) -> Iterator[Anomaly]:
    yield from _backwards(COPIER, history.copied)
    for partition in sorted({read.partition for read in history.final + history.copied}):
        end = history.offsets.get((COPIER, partition), NOTHING_COMMITTED)
        due = [read for read in history.final if read.partition == partition and read.offset < end]
        there = [read for read in history.copied if read.partition == partition]
        alike = list(
            takewhile(lambda pair: pair[0].value == pair[1].value, zip(due, there, strict=False))
        )
        if len(alike) < max(len(due), len(there)):
            detail = f"{len(due)} before {end}, {len(there)} copied, the first {len(alike)} alike"
            yield Anomaly("miscopied", f"partition {partition}: {detail}")
