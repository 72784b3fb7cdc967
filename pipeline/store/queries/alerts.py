"""Alerts: lists, details, counts; and how they were delivered.

Every SELECT says FINAL: an alert that was written again is one alert.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.schema.alert import LEVELS, Alert
from pipeline.schema.delivery import Delivery, DeliveryStatus
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.event_rows import EPOCH, time_of
from pipeline.store.queries.events import Bucket, Histogram, uuid_of
from pipeline.store.queries.span import AFTER, IN_SPAN, Cursor, Page, Span, bounded
from pipeline.store.rows import ALERT_COLUMNS, alert_of

MAX_PAGE = 1000
_COLUMNS = ", ".join(ALERT_COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts; what is empty does not restrict.

    Attributes:
        span: Of ``time``; None for all that is kept.
        levels: Of ``LEVELS``.
        rule_ids: Sigma rule ids.
        entity: Exactly this one, A to Z in either case.
        source: Exactly this one.
        tag: One of the alert's tags.
        text: In title or entity, in any case.
        ids: Only these alerts; None for any. The console's own states come in this way.
        not_ids: None of these.
    """

    span: Span | None = None
    levels: Sequence[str] = ()
    rule_ids: Sequence[str] = ()
    entity: str = ""
    source: str = ""
    tag: str = ""
    text: str = ""
    ids: Sequence[str] | None = None
    not_ids: Sequence[str] = ()


_CONDITIONS = (
    ("levels", "level IN {levels:Array(String)}"),
    ("rule_ids", "rule_id IN {rule_ids:Array(String)}"),
    ("entity", "lower(entity) = lower({entity:String})"),
    ("source", "source = {source:String}"),
    ("tag", "has(tags, {tag:String})"),
    (
        "text",
        "(positionCaseInsensitiveUTF8(rule_title, {text:String}) > 0"
        " OR positionCaseInsensitiveUTF8(entity, {text:String}) > 0)",
    ),
    ("not_ids", "id NOT IN {not_ids:Array(UUID)}"),
)


def _where(wanted: AlertFilter) -> tuple[str, dict[str, object]]:
    """The condition of a filter, and its values."""
    conditions, parameters = ["1 = 1"], dict[str, object]()
    if wanted.span is not None:
        conditions.append(IN_SPAN)
        parameters.update(wanted.span.parameters())
    if wanted.ids is not None:
        conditions.append("id IN {ids:Array(UUID)}")
        parameters["ids"] = list(wanted.ids)
    for name, condition in _CONDITIONS:
        value = getattr(wanted, name)
        if value:
            conditions.append(condition)
            parameters[name] = value if isinstance(value, str) else list(value)
    return " AND ".join(conditions), parameters


async def alerts(
    client: StoreClient,
    wanted: AlertFilter,
    *,
    limit: int = 100,
    after: Cursor | None = None,
) -> Page[Alert]:
    """A page of alerts, newest first; at most 1,000."""
    limit = bounded(limit, MAX_PAGE)
    condition, parameters = _where(wanted)
    further = f" AND {AFTER}" if after else ""
    rows = await client.query(
        NamedQuery(
            name="alerts_list",
            sql=f"SELECT {_COLUMNS} FROM alerts FINAL WHERE {condition}{further}"  # noqa: S608
            " ORDER BY time DESC, id DESC LIMIT {limit:UInt32}",
            parameters={
                **parameters,
                **(after.parameters() if after else {}),
                "limit": limit + 1,
            },
        )
    )
    found = [alert_of(row) for row in rows[:limit]]
    last = found[-1] if len(rows) > limit else None
    return Page(tuple(found), Cursor(last.time, last.id) if last else None)


async def alert(client: StoreClient, id: str) -> Alert | None:
    """An alert by its id; None if there is none (any more)."""
    page = await alerts(client, AlertFilter(ids=[str(uuid_of(id))]), limit=1)
    return page.items[0] if page.items else None


async def alerts_of_event(client: StoreClient, event_id: str) -> tuple[Alert, ...]:
    """The alerts that an event is part of, newest first, at most 100."""
    rows = await client.query(
        NamedQuery(
            name="alerts_of_event",
            sql=f"SELECT {_COLUMNS} FROM alerts FINAL"  # noqa: S608
            " WHERE has(event_ids, toUUID({id:String})) ORDER BY time DESC LIMIT 100",
            parameters={"id": str(uuid_of(event_id))},
        )
    )
    return tuple(map(alert_of, rows))


async def count_by_level(client: StoreClient, wanted: AlertFilter) -> Mapping[str, int]:
    """How many alerts of each level; levels without one are there with 0."""
    condition, parameters = _where(replace(wanted, levels=()))
    rows = await client.query(
        NamedQuery(
            name="alerts_by_level",
            sql=f"SELECT level, count() FROM alerts FINAL WHERE {condition} GROUP BY level",  # noqa: S608
            parameters=parameters,
        )
    )
    return {**dict.fromkeys(LEVELS, 0), **{level: int(alerts) for level, alerts in rows}}


@dataclass(frozen=True, slots=True)
class RuleFirings:
    """How often a rule fired.

    Attributes:
        last: Time of its newest alert.
    """

    rule_id: str
    rule_title: str
    level: str
    alerts: int
    last: datetime


async def count_by_rule(
    client: StoreClient, wanted: AlertFilter, *, limit: int = 100
) -> tuple[RuleFirings, ...]:
    """How often rules fired, most often first, at most 1,000."""
    condition, parameters = _where(wanted)
    rows = await client.query(
        NamedQuery(
            name="alerts_by_rule",
            sql="SELECT rule_id, argMax(rule_title, time), argMax(level, time), count() AS fired,"  # noqa: S608
            f" toUnixTimestamp64Micro(max(time)) FROM alerts FINAL WHERE {condition}"
            " GROUP BY rule_id ORDER BY fired DESC, rule_id LIMIT {limit:UInt32}",
            parameters={**parameters, "limit": bounded(limit, MAX_PAGE)},
        )
    )
    return tuple(
        RuleFirings(rule_id, title, level, int(fired), time_of(last))
        for rule_id, title, level, fired, last in rows
    )


async def histogram(
    client: StoreClient, wanted: AlertFilter, span: Span, *, buckets: int = 60
) -> Histogram:
    """Alerts by level over time."""
    condition, parameters = _where(replace(wanted, span=span))
    step = span.step(buckets)
    rows = await client.query(
        NamedQuery(
            name="alerts_histogram",
            sql="SELECT intDiv(toUnixTimestamp(time), {step:UInt32}) * {step:UInt32} AS bucket,"  # noqa: S608
            f" toString(level), count() FROM alerts FINAL WHERE {condition}"
            " GROUP BY bucket, level ORDER BY bucket",
            parameters={**parameters, "step": int(step.total_seconds())},
        )
    )
    counts: dict[int, dict[str, int]] = {}
    for begin, level, fired in rows:
        counts.setdefault(int(begin), {})[level] = int(fired)
    return Histogram(
        step, tuple(Bucket(time_of(begin * 1_000_000), named) for begin, named in counts.items())
    )


async def deliveries(client: StoreClient, alert_id: str) -> tuple[Delivery, ...]:
    """Every attempt to tell somebody of an alert, in order, at most 1,000."""
    rows = await client.query(
        NamedQuery(
            name="deliveries_of_alert",
            sql="SELECT toString(id), toString(alert_id), alert_topic, alert_partition,"
            " alert_offset, destination, attempt, status, toUnixTimestamp64Milli(time),"
            " duration_ms, response_status, error, toUnixTimestamp64Milli(next_attempt)"
            " FROM deliveries FINAL WHERE alert_id = toUUID({id:String})"
            " ORDER BY time, destination, attempt LIMIT 1000",
            parameters={"id": str(uuid_of(alert_id))},
        )
    )
    return tuple(_delivery(row) for row in rows)


async def latest_deliveries(
    client: StoreClient, span: Span, *, limit: int = 100
) -> tuple[Delivery, ...]:
    """Where each alert and destination stand that were tried in a range of time, newest first.

    The last attempt of each; at most 1,000.
    """
    rows = await client.query(
        NamedQuery(
            name="deliveries_latest",
            sql="SELECT * FROM (SELECT toString(id), toString(alert_id), alert_topic,"
            " alert_partition, alert_offset, destination, attempt, status,"
            " toUnixTimestamp64Milli(time) AS at, duration_ms, response_status, error,"
            " toUnixTimestamp64Milli(next_attempt) FROM deliveries FINAL"
            " WHERE time >= fromUnixTimestamp64Milli(intDiv({begin:Int64}, 1000), 'UTC')"
            " AND time < fromUnixTimestamp64Milli(intDiv({end:Int64}, 1000), 'UTC')"
            " ORDER BY time DESC, attempt DESC LIMIT 1 BY alert_id, destination)"
            " ORDER BY at DESC LIMIT {limit:UInt32}",
            parameters={**span.parameters(), "limit": bounded(limit, MAX_PAGE)},
        )
    )
    return tuple(_delivery(row) for row in rows)


def _delivery(row: Sequence[object]) -> Delivery:
    id_, alert_id, topic, partition, offset, destination, attempt, status, time = row[:9]
    duration, response, error, following = row[9:]
    return Delivery(
        id=str(id_),
        alert_id=str(alert_id),
        alert_topic=str(topic),
        alert_partition=int(str(partition)),
        alert_offset=int(str(offset)),
        destination=str(destination),
        attempt=int(str(attempt)),
        status=DeliveryStatus(str(status)),
        time=EPOCH + timedelta(milliseconds=int(str(time))),
        duration_ms=int(str(duration)),
        response_status=int(str(response)),
        error=str(error),
        next_attempt=(
            EPOCH + timedelta(milliseconds=int(str(following))) if int(str(following)) else None
        ),
    )
