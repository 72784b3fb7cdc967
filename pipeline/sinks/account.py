"""What a batch adds to the ledger: rows by source, day and reason. Pure.

A range of the ledger has no holes: where the log skipped offsets, the batch becomes two ranges,
and the offsets between them stand out as a gap.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pipeline.bus.consumer import Record
from pipeline.bus.dead_letter import DeadLetter, tally_of
from pipeline.schema.topics import ALERTS, DAY_MS, DEAD_LETTER, DELIVERIES, EVENT_TOPICS
from pipeline.sinks.buffer import Batch
from pipeline.store.rows import LedgerRow

LEDGER_TOPICS = frozenset({*EVENT_TOPICS.values(), DEAD_LETTER})
COUNTED_WHERE_THEY_LIE = LEDGER_TOPICS | {ALERTS, DELIVERIES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one record adds, or several of one range, source and day.

    Attributes:
        offset: The record's; of several, that of any record of their range.
        source: Whose it is.
        day: When it was observed, in UTC.
        received, dead_lettered, dropped: How many messages it stands for.
        reason: Why, for the last two.
    """

    offset: int
    source: str
    day: date
    received: int = 1
    dead_lettered: int = 0
    dropped: int = 0
    reason: str = ""


def ledger_rows_of(batch: Batch, entries: Sequence[Entry], *, now: datetime) -> list[LedgerRow]:
    """The rows of a batch; at least one for each of its ranges.

    Args:
        batch: What was read.
        entries: What its records add; a record may add nothing, or several.
        now: When the rows are written, in UTC.
    """
    rows = []
    for first, last in ranges(batch.records):
        inside = entries
        if (first, last) != (batch.first, batch.last):
            inside = [entry for entry in entries if first <= entry.offset <= last]
        sums = _sums(inside) or {("", written_at(batch.records[0], now).date(), ""): (0, 0, 0)}
        for (source, day, reason), (received, dead_lettered, dropped) in sums.items():
            rows.append(
                LedgerRow(
                    topic=batch.partition.topic,
                    partition=batch.partition.partition,
                    first_offset=first,
                    last_offset=last,
                    source=source,
                    received=received,
                    dead_lettered=dead_lettered,
                    dropped=dropped,
                    reason=reason,
                    observed_date=day,
                    time=now,
                )
            )
    return rows


def ranges(records: Sequence[Record]) -> list[tuple[int, int]]:
    """First and last offset of each run without holes."""
    first, last = records[0].offset, records[-1].offset
    if last - first + 1 == len(records):
        return [(first, last)]
    runs = []
    begin = previous = first
    for record in records[1:]:
        if record.offset != previous + 1:
            runs.append((begin, previous))
            begin = record.offset
        previous = record.offset
    return [*runs, (begin, previous)]


_Key = tuple[str, date, str]


def _sums(entries: Iterable[Entry]) -> dict[_Key, tuple[int, int, int]]:
    """Counts by source, day and reason; ``received`` has rows without a reason of its own."""
    received: Counter[_Key] = Counter()
    dead_lettered: Counter[_Key] = Counter()
    dropped: Counter[_Key] = Counter()
    for entry in entries:
        received[entry.source, entry.day, ""] += entry.received
        if entry.dead_lettered or entry.dropped:
            key = (entry.source, entry.day, entry.reason)
            dead_lettered[key] += entry.dead_lettered
            dropped[key] += entry.dropped
    keys = sorted(received.keys() | dead_lettered.keys())
    return {key: (received[key], dead_lettered[key], dropped[key]) for key in keys}


def dead_letter_entry(letter: DeadLetter, record: Record, now: datetime) -> Entry | None:
    """What a record of the dead-letter topic adds; None for a copy of what counts elsewhere."""
    if letter.origin is not None and letter.origin.topic in COUNTED_WHERE_THEY_LIE:
        return None
    tally = tally_of(record)
    return Entry(
        offset=record.offset,
        source=letter.source,
        day=written_at(record, now).date(),
        received=1 if tally is None else tally,
        dead_lettered=1 if tally is None else 0,
        dropped=tally or 0,
        reason=letter.reason,
    )


def written_at(record: Record, now: datetime) -> datetime:
    """When a record was written, by its timestamp, which is a claim: one that is absent, in the
    future or over 30 days old is not believed, lest the store drop the row for its age."""
    age_ms = now.timestamp() * 1000 - record.timestamp_ms
    if record.timestamp_ms < 0 or not -DAY_MS <= age_ms <= 30 * DAY_MS:
        return now
    return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
