"""What the ledger stands on: the tables that count, the days that do, ranges, dead letters.

``measured`` counts the terms, ``pipeline.ledger`` compares them. Age must not turn the ledger red:
rows and their ledger rows go by the same day, but not in the same second. So only days are
compared that no part of can have gone yet: ``oldest_whole_day``.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.queries.span import bounded

# The tables whose rows are what was stored of what was received.
TABLES = ("events", "samples", "clicks")
MAX_SOURCES = 10_000
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets of a partition without a gap, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A message or record that could not be processed.

    Attributes:
        time: When it was parked, in UTC.
        value: As it came.
        origin_topic, origin_partition, origin_offset: Where it came from, "" and -1 if from no
            topic.
        partition, offset: Where it lies on ``dead-letter``.
    """

    time: datetime
    source: str
    reason: str
    detail: str
    value: bytes
    origin_topic: str
    origin_partition: int
    origin_offset: int
    partition: int
    offset: int


def oldest_whole_day(today: date, retention_days: int) -> date:
    """The first day that the ledger may compare.

    A day goes when ``retention_days`` have passed since its midnight; the last one that is kept
    is spared, because clocks of store and reader may differ.
    """
    return today - timedelta(days=max(retention_days - 2, 0))


async def stored_ranges(
    client: StoreClient, table: str, topic: str, partition: int, *, first: int, last: int
) -> tuple[OffsetRange, ...]:
    """Which of these offsets have a row, as ranges in order.

    What a deliberate replay asks before it writes; a record that was dead-lettered has no row.

    Args:
        client: Asked.
        table: One of ``TABLES``.
        topic, partition: Of the log.
        first, last: Offsets, both included; at most ten million apart.
    """
    assert table in TABLES, "offsets are kept where records become rows"
    assert last - first <= 10_000_000, "a range is looked at piece by piece"
    rows = await client.query(
        NamedQuery(
            name="ledger_stored_ranges",
            sql="SELECT min(offset) AS first, max(offset) AS last FROM"  # noqa: S608
            " (SELECT offset, offset - row_number() OVER (ORDER BY offset) AS island FROM"
            f" (SELECT DISTINCT offset FROM {table} WHERE topic = {{topic:String}}"
            " AND partition = {partition:Int32} AND offset >= {first:Int64}"
            " AND offset <= {last:Int64})) GROUP BY island ORDER BY first",
            parameters={"topic": topic, "partition": partition, "first": first, "last": last},
            seconds=_SECONDS,
        )
    )
    return tuple(OffsetRange(int(begin), int(end)) for begin, end in rows)


async def is_booked(
    client: StoreClient, topic: str, partition: int, *, first: int, last: int
) -> bool:
    """Whether ledger rows of exactly this batch are stored.

    Args:
        client: Asked.
        topic, partition: Of the log.
        first, last: The batch's offsets, both included.
    """
    rows = await client.query(
        NamedQuery(
            name="ledger_is_booked",
            sql="SELECT count() FROM ledger WHERE topic = {topic:String}"
            " AND partition = {partition:Int32} AND first_offset = {first:Int64}"
            " AND last_offset = {last:Int64}",
            parameters={"topic": topic, "partition": partition, "first": first, "last": last},
            seconds=_SECONDS,
        )
    )
    return int(rows[0][0]) > 0


async def dead_letters(
    client: StoreClient,
    *,
    reason: str = "",
    source: str = "",
    before: datetime | None = None,
    limit: int = 100,
) -> tuple[StoredDeadLetter, ...]:
    """What could not be processed, newest first, at most 1,000.

    Args:
        client: Asked.
        reason, source: Only these; empty for any.
        before: Only what was parked before.
        limit: How many.
    """
    newest = before or datetime.now(UTC) + timedelta(days=1)
    rows = await client.query(
        NamedQuery(
            name="dead_letters_list",
            sql="SELECT toUnixTimestamp64Milli(time), source, reason, detail, base64Encode(value),"
            " origin_topic, origin_partition, origin_offset, partition, offset"
            " FROM dead_letters FINAL WHERE time < fromUnixTimestamp64Milli({before:Int64}, 'UTC')"
            " AND ({reason:String} = '' OR reason = {reason:String})"
            " AND ({source:String} = '' OR source = {source:String})"
            " ORDER BY time DESC, offset DESC LIMIT {limit:UInt32}",
            parameters={
                "before": int(newest.timestamp() * 1000),
                "reason": reason,
                "source": source,
                "limit": bounded(limit, 1000),
            },
        )
    )
    return tuple(_dead_letter(row) for row in rows)


def _dead_letter(row: Sequence[object]) -> StoredDeadLetter:
    time, source, reason, detail, value, topic, *numbers = row
    origin_partition, origin_offset, partition, offset = (int(str(number)) for number in numbers)
    return StoredDeadLetter(
        time=datetime.fromtimestamp(int(str(time)) / 1000, UTC),
        source=str(source),
        reason=str(reason),
        detail=str(detail),
        value=b64decode(str(value)),
        origin_topic=str(topic),
        origin_partition=origin_partition,
        origin_offset=origin_offset,
        partition=partition,
        offset=offset,
    )


async def dead_letters_by_reason(client: StoreClient) -> Mapping[str, int]:
    """How many messages and records are parked, by reason; most first, at most 100."""
    rows = await client.query(
        NamedQuery(
            name="dead_letters_by_reason",
            sql="SELECT reason, count() AS parked FROM dead_letters FINAL GROUP BY reason"
            " ORDER BY parked DESC, reason LIMIT 100",
            parameters={},
        )
    )
    return {reason: int(parked) for reason, parked in rows}
