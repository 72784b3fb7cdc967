"""What the ledger is reconciled from: ranges, what they count, and the rows that are there.

No term is computed by subtracting another: received, dead-lettered and dropped are sums of ledger
rows, which sinks write with the batch they count (a row written twice is one: FINAL); stored is a
count of the rows that lie in the tables now, so that a row deleted by hand is missing from it and
nothing else makes up for it. What was dead-lettered is held against the letters that are there.

Measured one after the other while sinks write, so everything is counted up to the offsets that
``coverage`` found first: a batch under way does not show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pipeline.schema.topics import ALERTS, DELIVERIES, EVENT_TOPICS
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.queries.ledger import MAX_SOURCES, TABLES

_SECONDS = 60
# ClickHouse arrays begin at 1, and element 0 is the type's default: no end, so nothing counts.
_BELOW_END = "{column} < {{ends:Array(Int64)}}[indexOf({{keys:Array(String)}}, concat(toString(topic), ':', toString(partition)))]"  # noqa: E501


@dataclass(frozen=True, slots=True)
class Covered:
    """What ledger rows say of one partition.

    Attributes:
        begin: First offset of the first range.
        end: Offset after the last one.
        records: Offsets in all its ranges together.
    """

    topic: str
    partition: int
    begin: int
    end: int
    records: int


@dataclass(frozen=True, slots=True)
class Booked:
    """What ledger rows say of one source, for one reason."""

    source: str
    reason: str
    received: int
    dead_lettered: int
    dropped: int


async def coverage(client: StoreClient, since: date) -> tuple[Covered, ...]:
    """How far the ledger reaches in each partition, for days of observed_time from ``since``."""
    rows = await client.query(
        NamedQuery(
            name="ledger_coverage",
            sql="SELECT topic, partition, min(first_offset), max(last_offset) + 1,"
            " sum(last_offset - first_offset + 1) FROM (SELECT DISTINCT toString(topic) AS topic,"
            " partition, first_offset, last_offset FROM ledger"
            " WHERE observed_date >= toDate({since:String})) GROUP BY topic, partition"
            " ORDER BY topic, partition",
            parameters={"since": since.isoformat()},
            seconds=_SECONDS,
        )
    )
    return tuple(
        Covered(topic, int(partition), int(begin), int(end), int(records))
        for topic, partition, begin, end, records in rows
    )


async def booked(
    client: StoreClient, since: date, covered: Sequence[Covered]
) -> tuple[Booked, ...]:
    """What the ranges below those ends count, by source and reason; at most 10,000 of them."""
    rows = await client.query(
        NamedQuery(
            name="ledger_counted",
            sql="SELECT toString(source) AS name, toString(reason) AS why, sum(received),"  # noqa: S608
            " sum(dead_lettered), sum(dropped) FROM ledger FINAL"
            " WHERE observed_date >= toDate({since:String})"
            f" AND {_BELOW_END.format(column='last_offset')}"
            " GROUP BY name, why ORDER BY name, why LIMIT {limit:UInt32}",
            parameters={**_ends(covered), "since": since.isoformat(), "limit": MAX_SOURCES},
            seconds=_SECONDS,
        )
    )
    return tuple(
        Booked(source, reason, int(received), int(dead_lettered), int(dropped))
        for source, reason, received, dead_lettered, dropped in rows
    )


async def stored(client: StoreClient, since: date, covered: Sequence[Covered]) -> Mapping[str, int]:
    """How many rows of each source lie below those ends now."""
    below = _BELOW_END.format(column="offset")
    counts = " UNION ALL ".join(
        f"SELECT toString(source) AS name, count() AS rows FROM {table}"  # noqa: S608
        f" WHERE toDate(observed_time) >= toDate({{since:String}}) AND {below} GROUP BY name"
        for table in TABLES
    )
    found = await client.query(
        NamedQuery(
            name="ledger_rows",
            sql=f"SELECT name, sum(rows) FROM ({counts}) GROUP BY name"  # noqa: S608
            " ORDER BY name LIMIT {limit:UInt32}",
            parameters={**_ends(covered), "since": since.isoformat(), "limit": MAX_SOURCES},
            seconds=_SECONDS,
            # Counted by reading: a shortcut over a projection or metadata would not notice.
            settings={"optimize_use_implicit_projections": 0},
        )
    )
    return {source: int(rows) for source, rows in found}


async def parked(client: StoreClient, since: date) -> Mapping[str, int]:
    """How many dead letters there are now, by reason, as the ledger counts them.

    A record of an events topic that was parked twice, over a restart, is one; letters of alerts
    and deliveries are left out, because the ledger is not kept for those.
    """
    found = await client.query(
        NamedQuery(
            name="ledger_letters",
            sql="SELECT toString(reason) AS why, uniqExact(if("
            "origin_topic IN {counted:Array(String)},"
            " (toString(origin_topic), origin_partition, origin_offset), ('', partition, offset)))"
            " FROM dead_letters WHERE toDate(time) >= toDate({since:String})"
            " AND origin_topic NOT IN {uncounted:Array(String)}"
            " GROUP BY why ORDER BY why LIMIT {limit:UInt32}",
            parameters={
                "since": since.isoformat(),
                "counted": sorted(EVENT_TOPICS.values()),
                "uncounted": [ALERTS, DELIVERIES],
                "limit": MAX_SOURCES,
            },
            seconds=_SECONDS,
        )
    )
    return {reason: int(letters) for reason, letters in found}


def _ends(covered: Sequence[Covered]) -> dict[str, object]:
    return {
        "keys": [f"{at.topic}:{at.partition}" for at in covered],
        "ends": [at.end for at in covered],
    }
