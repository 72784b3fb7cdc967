"""Searching log events: pages, counts, histogram, facets; and single events by id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pipeline.errors import QueryInvalid
from pipeline.schema.alert import EventPosition
from pipeline.schema.fields import BY_NAME, LOGSOURCE_SERVICE
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.event_rows import EVENT_COLUMNS, time_of
from pipeline.store.queries.span import (
    AFTER,
    IN_SPAN,
    Cursor,
    Page,
    Span,
    bounded,
    micros_of,
)
from pipeline.store.rows import StoredEvent, event_of
from pipeline.store.search_language import Node, where

MAX_PAGE = 1000
SAMPLED_EVENTS = 50_000
_COLUMNS = ", ".join(EVENT_COLUMNS)
# Read the wide columns of the page's rows only, after the newest were found by time.
_LAZY = {"query_plan_max_limit_for_lazy_materialization": MAX_PAGE + 1}
_UUID7_SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bucket:
    """Events of one stretch of time.

    Attributes:
        begin: Where it begins.
        counts: How many, by what they are grouped by; empty groups are absent.
    """

    begin: datetime
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts over a range of time.

    Attributes:
        step: The width of each bucket.
        buckets: In order; empty ones are absent.
    """

    step: timedelta
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class Facets:
    """The values that fields have most among the events of a search.

    Attributes:
        looked_at: How many events were looked at, the newest of the search.
        sampled: There were more.
        values: By field, the commonest values and how many of those events have them.
    """

    looked_at: int
    sampled: bool
    values: Mapping[str, tuple[tuple[str, int], ...]]


async def search(
    client: StoreClient, tree: Node, span: Span, *, limit: int = 100, after: Cursor | None = None
) -> Page[StoredEvent]:
    """A page of the events that a search means, newest first.

    Args:
        client: Asked.
        tree: What ``search_language.parse`` made of the search.
        span: Of ``time``.
        limit: At most 1,000.
        after: Where the page before ended.
    """
    limit = bounded(limit, MAX_PAGE)
    condition = where(tree)
    further = f" AND {AFTER}" if after else ""
    rows = await client.query(
        NamedQuery(
            name="events_search",
            sql=f"SELECT {_COLUMNS} FROM events WHERE {IN_SPAN} AND {condition.sql}{further}"  # noqa: S608
            " ORDER BY time DESC, id DESC LIMIT {limit:UInt32}",
            parameters={
                **condition.parameters,
                **span.parameters(),
                **(after.parameters() if after else {}),
                "limit": limit + 1,
            },
            settings=_LAZY,
        )
    )
    found = [event_of(row) for row in rows[:limit]]
    last = found[-1].event if len(rows) > limit else None
    return Page(tuple(found), Cursor(last.time, last.id) if last else None)


async def count(client: StoreClient, tree: Node, span: Span) -> int:
    """How many events a search means."""
    condition = where(tree)
    rows = await client.query(
        NamedQuery(
            name="events_count",
            sql=f"SELECT count() FROM events WHERE {IN_SPAN} AND {condition.sql}",  # noqa: S608
            parameters={**condition.parameters, **span.parameters()},
        )
    )
    return int(rows[0][0])


async def histogram(
    client: StoreClient, tree: Node, span: Span, *, buckets: int = 60, by: str = "level"
) -> Histogram:
    """Events of a search over time.

    Args:
        client: Asked.
        tree: The search.
        span: Of ``time``.
        buckets: How many at most; their width is one that people can read.
        by: ``level``, ``source`` or ``outcome``; the ten commonest, the rest as ``…``.
    """
    column = {"level": "level", "source": "source", "outcome": "outcome"}[by]
    condition = where(tree)
    step = span.step(buckets)
    rows = await client.query(
        NamedQuery(
            name="events_histogram",
            sql=f"WITH top AS (SELECT {column} AS name FROM events"  # noqa: S608
            f" WHERE {IN_SPAN} AND {condition.sql} GROUP BY name ORDER BY count() DESC LIMIT 10)"
            " SELECT intDiv(toUnixTimestamp(time), {step:UInt32}) * {step:UInt32} AS bucket,"
            f" if({column} IN top, toString({column}), '…') AS name, count() FROM events"
            f" WHERE {IN_SPAN} AND {condition.sql} GROUP BY bucket, name ORDER BY bucket",
            parameters={
                **condition.parameters,
                **span.parameters(),
                "step": int(step.total_seconds()),
            },
        )
    )
    counts: dict[int, dict[str, int]] = {}
    for begin, name, events in rows:
        counts.setdefault(int(begin), {})[name] = events
    found = (Bucket(time_of(begin * 1_000_000), named) for begin, named in counts.items())
    return Histogram(step, tuple(found))


async def facets(
    client: StoreClient, tree: Node, span: Span, fields: Sequence[str], *, limit: int = 10
) -> Facets:
    """The commonest values of fields among the newest 50,000 events of a search.

    A list counts once for each of its values.

    Args:
        client: Asked.
        tree: The search.
        span: Of ``time``.
        fields: Names of fields, at most 20.
        limit: Values of each, at most 100.
    """
    condition = where(tree)
    parameters = {**condition.parameters, **span.parameters()}
    pairs = []
    for at, field in enumerate(fields[:20]):
        parameters[f"f{at}"] = field
        pairs.append(f"arrayMap(one -> ({at}, one), {_values(field, at)})")
    rows = await client.query(
        NamedQuery(
            name="events_facets",
            sql="WITH newest AS (SELECT * FROM events"  # noqa: S608
            f" WHERE {IN_SPAN} AND {condition.sql} ORDER BY time DESC LIMIT {{looked_at:UInt32}})"
            " SELECT pair.1 AS field, pair.2 AS value, count() AS events FROM"
            f" (SELECT arrayJoin(arrayConcat([(-1, '')], {', '.join(pairs)})) AS pair FROM newest)"
            " GROUP BY field, value ORDER BY field, events DESC, value"
            " LIMIT {limit:UInt32} BY field",
            parameters={
                **parameters,
                "looked_at": SAMPLED_EVENTS + 1,
                "limit": bounded(limit, 100),
            },
        )
    )
    looked_at = next((events for at, _, events in rows if at == -1), 0)
    values: dict[str, list[tuple[str, int]]] = {field: [] for field in fields[:20]}
    for at, value, events in rows:
        if at >= 0:
            values[fields[at]].append((value, events))
    return Facets(
        looked_at=min(looked_at, SAMPLED_EVENTS),
        sampled=looked_at > SAMPLED_EVENTS,
        values={field: tuple(found) for field, found in values.items()},
    )


def _values(field: str, at: int) -> str:
    """SQL of a field's values as an array of texts, without empty ones."""
    name = f"{{f{at}:String}}"
    if field == LOGSOURCE_SERVICE:
        return "arrayMap(one -> toString(one), service)"
    if field == "source":
        return "[toString(source)]"
    known = BY_NAME.get(field)
    scalar = known.column if known and known.column else f"attributes[{name}]"
    return f"arrayFilter(one -> one != '', arrayPushBack(lists[{name}], toString({scalar})))"


async def by_id(client: StoreClient, id: str) -> StoredEvent | None:
    """An event by its id; None if it is not stored (any more).

    A version 7 id says when it was made, so the day around it is looked at first.
    """
    observed = _made_at(id)
    if observed is not None:
        near = Span(observed - _UUID7_SLACK, observed + _UUID7_SLACK)
        found = await _by_id(client, id, near)
        if found is not None:
            return found
    return await _by_id(client, id, None)


async def _by_id(client: StoreClient, id: str, observed: Span | None) -> StoredEvent | None:
    bounds = f" AND {IN_SPAN.replace('time ', 'observed_time ')}"
    rows = await client.query(
        NamedQuery(
            name="event_by_id",
            sql=f"SELECT {_COLUMNS} FROM events WHERE id = toUUID({{id:String}})"  # noqa: S608
            f"{bounds if observed else ''} LIMIT 1",
            parameters={"id": id, **(observed.parameters() if observed else {})},
        )
    )
    return event_of(rows[0]) if rows else None


def _made_at(id: str) -> datetime | None:
    """When a version 7 UUID was made; None for others.

    Raises:
        QueryInvalid: It is no UUID.
    """
    number = uuid_of(id)
    return time_of((number.int >> 80) * 1000) if number.version == 7 else None


def uuid_of(id: str) -> UUID:
    """The UUID in a text.

    Raises:
        QueryInvalid: It is none.
    """
    try:
        return UUID(id)
    except ValueError:
        raise QueryInvalid(f"{id[:64]!r} is not an id.") from None


async def by_positions(
    client: StoreClient, events: Sequence[EventPosition]
) -> tuple[StoredEvent, ...]:
    """The events of an alert that are stored, in the order given.

    Args:
        client: Asked.
        events: At most 1,000 of them are looked for.
    """
    wanted = events[:MAX_PAGE]
    if not wanted:
        return ()
    times = [micros_of(event.time) for event in wanted]
    rows = await client.query(
        NamedQuery(
            name="events_by_positions",
            sql=f"SELECT {_COLUMNS} FROM events WHERE {IN_SPAN}"  # noqa: S608
            " AND id IN {ids:Array(UUID)} LIMIT {limit:UInt32}",
            parameters={
                "ids": [str(uuid_of(event.id)) for event in wanted],
                "begin": min(times),
                "end": max(times) + 1,
                "limit": MAX_PAGE,
            },
        )
    )
    found = {stored.event.id: stored for stored in map(event_of, rows)}
    return tuple(found[event.id] for event in wanted if event.id in found)
