"""Events, alerts and the rest to insertable rows, and rows back to them. Pure.

Every function takes what a sink has in its hands, values with their positions, and gives one
block for ``StoreClient.insert``. The same values give the same bytes, so a batch repeated with
its token is the same batch.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from math import nan
from typing import Any

import msgspec

from pipeline.schema.alert import Alert, EventPosition
from pipeline.schema.delivery import Delivery
from pipeline.schema.event import Event, Value
from pipeline.schema.fields import METRIC_LABEL_PREFIX
from pipeline.store import native
from pipeline.store.event_columns import EventColumns
from pipeline.store.event_rows import (
    EPOCH,
    LogPosition,
    fields_of,
    log_event,
    micros,
    millis,
    position_columns,
    scalar_text,
    string_arrays,
    string_maps,
    time_of,
)
from pipeline.store.native import Column, Rows

_CLICK_COLUMNS = {
    "click.site": "site",
    "click.event": "event",
    "click.visitor": "visitor",
    "click.session": "session",
    "url.full": "url",
    "url.path": "path",
    "click.title": "title",
    "click.target": "target",
    "http.request.referrer": "referrer",
    "source.ip": "source_ip",
    "user_agent.original": "user_agent",
}


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the store gave it back, and where it lay in the log when it was stored."""

    event: Event
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """What one batch held of one source and day; one row for each reason.

    Attributes:
        topic, partition, first_offset, last_offset: The batch, ends included.
        source: Whose records they are.
        received: Records of the batch from it.
        dead_lettered: Of these, parked on ``dead-letter``.
        dropped: Of these, neither stored nor parked.
        reason: Why, for the two above; empty for the row that counts ``received``.
        observed_date: Day of ``observed_time``, in UTC.
        time: When the row was written.
    """

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    source: str
    received: int
    dead_lettered: int
    dropped: int
    reason: str
    observed_date: date
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """A record of the ``dead-letter`` topic.

    Attributes:
        time: When it was parked.
        source, reason, detail, value: As its headers and value say.
        origin_topic, origin_partition, origin_offset: Where it came from, "" and -1
            if from no topic.
        position: Where it lies on ``dead-letter``.
    """

    time: datetime
    source: str
    reason: str
    detail: str
    value: bytes
    origin_topic: str
    origin_partition: int
    origin_offset: int
    position: LogPosition


def events_rows(events: Sequence[tuple[Event, LogPosition]]) -> Rows:
    """Rows of ``events`` for log events."""
    columns = EventColumns()
    columns.add(events)
    return columns.rows()


def fingerprint(metric: str, labels: Mapping[str, str]) -> int:
    """What a series is called: 64 bits over its metric and labels."""
    digest = sha256(metric.encode("utf-8", "replace"))
    for name in sorted(labels):
        digest.update(f"\0{name}\0{labels[name]}".encode("utf-8", "replace"))
    return int.from_bytes(digest.digest()[:8], "little")


def series_of(event: Event) -> tuple[str, dict[str, str]]:
    """Metric and labels of a sample."""
    labels = {
        name.removeprefix(METRIC_LABEL_PREFIX): _scalar(value)
        for name, value in event.fields.items()
        if name.startswith(METRIC_LABEL_PREFIX)
    }
    return _text(event.fields, "metric.name"), labels


def samples_rows(
    events: Sequence[tuple[Event, LogPosition]], *, known: Collection[int] = ()
) -> tuple[Rows, Rows]:
    """Rows of ``samples`` and of ``series`` for metric events.

    Args:
        events: Samples.
        known: Fingerprints of series that are stored already and today; they are left out.
    """
    metrics, prints, values = [], [], []
    fresh: dict[int, tuple[str, dict[str, str], datetime]] = {}
    for event, _ in events:
        metric, labels = series_of(event)
        mark = fingerprint(metric, labels)
        metrics.append(metric)
        prints.append(mark)
        values.append(_number(event.fields.get("metric.value", "")))
        if mark not in known:
            fresh[mark] = (metric, labels, event.observed_time)
    samples = [
        Column("metric", "String", native.strings(metrics)),
        Column("fingerprint", "UInt64", native.integers("Q", prints)),
        Column("value", "Float64", native.integers("d", values)),  # type: ignore[arg-type]
        *_times([event for event, _ in events], precision=3),
        Column("source", "String", native.strings([event.source for event, _ in events])),
        *position_columns([position for _, position in events]),
    ]
    return Rows.of(samples, len(events)), _series(fresh)


def _series(fresh: Mapping[int, tuple[str, dict[str, str], datetime]]) -> Rows:
    columns = [
        Column("metric", "String", native.strings([metric for metric, _, _ in fresh.values()])),
        Column("fingerprint", "UInt64", native.integers("Q", fresh)),
        Column(
            "labels",
            "Map(String, String)",
            string_maps([labels for _, labels, _ in fresh.values()]),
        ),
        Column(
            "seen",
            "DateTime('UTC')",
            native.integers("I", [_seconds(seen) for _, _, seen in fresh.values()]),
        ),
    ]
    return Rows.of(columns, len(fresh))


def clicks_rows(events: Sequence[tuple[Event, LogPosition]]) -> Rows:
    """Rows of ``clicks`` for click events; other fields lie in ``attributes``."""
    only = [event for event, _ in events]
    others = [
        {name: _scalar(value) for name, value in event.fields.items() if name not in _CLICK_COLUMNS}
        for event in only
    ]
    columns = [
        Column("id", "UUID", native.uuids([event.id for event in only])),
        *_times(only, precision=3),
        Column("source", "String", native.strings([event.source for event in only])),
        *position_columns([position for _, position in events]),
        *(
            Column(column, "String", native.strings([_text(event.fields, field) for event in only]))
            for field, column in _CLICK_COLUMNS.items()
        ),
        Column("attributes", "Map(String, String)", string_maps(others)),
    ]
    return Rows.of(columns, len(events))


def alerts_rows(alerts: Sequence[tuple[Alert, LogPosition]]) -> Rows:
    """Rows of ``alerts``."""
    only = [alert for alert, _ in alerts]
    texts = ("source", "rule_id", "rule_title", "rule_revision", "rule_author", "level", "entity")
    events = [event for alert in only for event in alert.events]
    event_ends = native.ends(len(alert.events) for alert in only)
    columns = [
        Column("id", "UUID", native.uuids([alert.id for alert in only])),
        *_times(only, precision=6),
        *(
            Column(name, "String", native.strings([getattr(one, name) for one in only]))
            for name in texts
        ),
        Column("tags", "Array(String)", string_arrays([list(alert.tags) for alert in only])),
        Column("group", "Map(String, String)", string_maps([alert.group for alert in only])),
        Column(
            "matched", "String", native.blobs([msgspec.json.encode(one.matched) for one in only])
        ),
        Column("event_count", "UInt64", native.integers("Q", [one.event_count for one in only])),
        Column("event_ids", "Array(UUID)", event_ends + native.uuids([one.id for one in events])),
        Column(
            "event_times",
            "Array(DateTime64(6, 'UTC'))",
            event_ends + micros([one.time for one in events]),
        ),
        Column(
            "event_topics",
            "Array(String)",
            event_ends + native.strings([one.topic for one in events]),
        ),
        Column(
            "event_partitions",
            "Array(Int32)",
            event_ends + native.integers("i", [one.partition for one in events]),
        ),
        Column(
            "event_offsets",
            "Array(Int64)",
            event_ends + native.integers("q", [one.offset for one in events]),
        ),
        *position_columns([position for _, position in alerts]),
    ]
    return Rows.of(columns, len(alerts))


def deliveries_rows(deliveries: Sequence[tuple[Delivery, LogPosition]]) -> Rows:
    """Rows of ``deliveries``; no next attempt is stored as the epoch."""
    only = [delivery for delivery, _ in deliveries]
    columns = [
        Column("id", "UUID", native.uuids([one.id for one in only])),
        Column("alert_id", "UUID", native.uuids([one.alert_id for one in only])),
        Column("alert_topic", "String", native.strings([one.alert_topic for one in only])),
        Column(
            "alert_partition", "Int32", native.integers("i", [one.alert_partition for one in only])
        ),
        Column("alert_offset", "Int64", native.integers("q", [one.alert_offset for one in only])),
        Column("destination", "String", native.strings([one.destination for one in only])),
        Column("attempt", "UInt32", native.integers("I", [one.attempt for one in only])),
        Column("status", "String", native.strings([one.status.value for one in only])),
        Column("time", "DateTime64(3, 'UTC')", millis([one.time for one in only])),
        Column("duration_ms", "UInt64", native.integers("Q", [one.duration_ms for one in only])),
        Column(
            "response_status", "UInt16", native.integers("H", [one.response_status for one in only])
        ),
        Column("error", "String", native.strings([one.error for one in only])),
        Column(
            "next_attempt",
            "DateTime64(3, 'UTC')",
            millis([one.next_attempt or EPOCH for one in only]),
        ),
        *position_columns([position for _, position in deliveries]),
    ]
    return Rows.of(columns, len(deliveries))


def ledger_rows(rows: Sequence[LedgerRow]) -> Rows:
    """Rows of ``ledger``."""
    columns = [
        Column("topic", "String", native.strings([row.topic for row in rows])),
        Column("partition", "Int32", native.integers("i", [row.partition for row in rows])),
        Column("first_offset", "Int64", native.integers("q", [row.first_offset for row in rows])),
        Column("last_offset", "Int64", native.integers("q", [row.last_offset for row in rows])),
        Column("source", "String", native.strings([row.source for row in rows])),
        Column("received", "UInt64", native.integers("Q", [row.received for row in rows])),
        Column(
            "dead_lettered", "UInt64", native.integers("Q", [row.dead_lettered for row in rows])
        ),
        Column("dropped", "UInt64", native.integers("Q", [row.dropped for row in rows])),
        Column("reason", "String", native.strings([row.reason for row in rows])),
        Column(
            "observed_date",
            "Date",
            native.integers("H", [(row.observed_date - EPOCH.date()).days for row in rows]),
        ),
        Column("time", "DateTime64(3, 'UTC')", millis([row.time for row in rows])),
    ]
    return Rows.of(columns, len(rows))


def dead_letters_rows(rows: Sequence[DeadLetterRow]) -> Rows:
    """Rows of ``dead_letters``."""
    columns = [
        Column("time", "DateTime64(3, 'UTC')", millis([row.time for row in rows])),
        Column("source", "String", native.strings([row.source for row in rows])),
        Column("reason", "String", native.strings([row.reason for row in rows])),
        Column("detail", "String", native.strings([row.detail for row in rows])),
        Column("value", "String", native.blobs([row.value for row in rows])),
        Column("origin_topic", "String", native.strings([row.origin_topic for row in rows])),
        Column(
            "origin_partition",
            "Int32",
            native.integers("i", [row.origin_partition for row in rows]),
        ),
        Column("origin_offset", "Int64", native.integers("q", [row.origin_offset for row in rows])),
        *position_columns([row.position for row in rows]),
    ]
    return Rows.of(columns, len(rows))


def event_of(row: Sequence[Any]) -> StoredEvent:
    """The event of a row with ``event_rows.EVENT_COLUMNS``."""
    id_, time, observed, source, topic, partition, offset, raw, service, attributes, typed = row[
        :11
    ]
    event = log_event(
        id_,
        time,
        observed,
        source,
        fields_of(row[11:], service, attributes, typed),
        base64.b64decode(raw),
    )
    return StoredEvent(event, topic, partition, offset)


# What ``alert_of`` reads, in its order.
ALERT_COLUMNS = (
    "toString(id)",
    "toUnixTimestamp64Micro(time)",
    "toUnixTimestamp64Micro(observed_time)",
    "source",
    "rule_id",
    "rule_title",
    "rule_revision",
    "rule_author",
    "level",
    "tags",
    "entity",
    "group",
    "matched",
    "event_count",
    "arrayMap(x -> toString(x), event_ids)",
    "arrayMap(x -> toUnixTimestamp64Micro(x), event_times)",
    "event_topics",
    "event_partitions",
    "event_offsets",
)


def alert_of(row: Sequence[Any]) -> Alert:
    """The alert of a row with ``ALERT_COLUMNS``."""
    events = [
        EventPosition(id=id_, time=time_of(time), topic=topic, partition=partition, offset=offset)
        for id_, time, topic, partition, offset in zip(*row[14:19], strict=True)
    ]
    return Alert(
        id=row[0],
        time=time_of(row[1]),
        observed_time=time_of(row[2]),
        source=row[3],
        rule_id=row[4],
        rule_title=row[5],
        rule_revision=row[6],
        rule_author=row[7],
        level=row[8],
        tags=list(row[9]),
        entity=row[10],
        group=dict(row[11]),
        matched=msgspec.json.decode(row[12]),
        event_count=row[13],
        events=events,
    )


def _times(values: Sequence[Event] | Sequence[Alert], *, precision: int) -> list[Column]:
    kind = f"DateTime64({precision}, 'UTC')"
    column = micros if precision == 6 else millis
    return [
        Column("time", kind, column([value.time for value in values])),
        Column("observed_time", kind, column([value.observed_time for value in values])),
    ]


def _seconds(time: datetime) -> int:
    return min(max(int(time.timestamp()), 0), 2**32 - 1)


def _text(fields: Mapping[str, Value], name: str) -> str:
    return _scalar(fields.get(name, ""))


def _scalar(value: Value) -> str:
    """A value as text; of a list all of it, as JSON."""
    return msgspec.json.encode(value).decode() if isinstance(value, list) else scalar_text(value)


def _number(value: Value) -> float:
    """A sample's value; what is none becomes NaN, which Prometheus has for it."""
    try:
        return float(value) if not isinstance(value, list) else nan
    except (ValueError, OverflowError):
        return nan
