"""What the columns of ``events`` hold: texts, times, positions; and events from them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Protocol

import msgspec

from pipeline.schema.event import Event, Kind, Scalar, Value
from pipeline.schema.fields import FIELDS, LOGSOURCE_SERVICE
from pipeline.store import native
from pipeline.store.native import Column

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MILLISECOND = timedelta(milliseconds=1)

# DateTime64's bounds; a sender's clock may claim anything.
_EARLIEST = (datetime(1900, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
_LATEST = (datetime(2262, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND

# Fields with a text column of their own, in the order of the columns; services are a list.
TEXT_FIELDS = tuple(
    (field.name, field.column)
    for field in FIELDS
    if field.column is not None and field.name != LOGSOURCE_SERVICE
)
TEXT_COLUMNS = tuple(column for _, column in TEXT_FIELDS)

_typed_decoder: msgspec.json.Decoder[dict[str, Scalar | list[Scalar]]] = msgspec.json.Decoder(
    dict[str, Scalar | list[Scalar]]
)


class LogPosition(Protocol):
    """Where a record lies; ``pipeline.bus.position.Position`` is one."""

    @property
    def topic(self) -> str:
        """Its topic."""
        ...

    @property
    def partition(self) -> int:
        """Its partition."""
        ...

    @property
    def offset(self) -> int:
        """Its offset."""
        ...


def scalar_text(value: Scalar) -> str:
    """A scalar as the store keeps it in text columns and as people search for it.

    >>> scalar_text(True), scalar_text(4625), scalar_text(0.5)
    ('true', '4625', '0.5')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def position_columns(positions: Sequence[LogPosition]) -> list[Column]:
    """Where each row lies in the log."""
    return [
        Column("topic", "String", native.strings([position.topic for position in positions])),
        Column("partition", "Int32", native.integers("i", [one.partition for one in positions])),
        Column("offset", "Int64", native.integers("q", [one.offset for one in positions])),
    ]


def micros(times: Sequence[datetime]) -> bytes:
    """A DateTime64(6) column; what lies outside its bounds becomes the bound."""
    ticks = [(time - EPOCH) // MICROSECOND for time in times]
    if ticks and (min(ticks) < _EARLIEST or max(ticks) > _LATEST):
        ticks = [min(max(tick, _EARLIEST), _LATEST) for tick in ticks]
    return native.integers("q", ticks)


def millis(times: Sequence[datetime]) -> bytes:
    """A DateTime64(3) column; what lies outside its bounds becomes the bound."""
    low, high = _EARLIEST // 1000, _LATEST // 1000
    return native.integers(
        "q", [min(max((time - EPOCH) // MILLISECOND, low), high) for time in times]
    )


def string_arrays(rows: Sequence[Sequence[str]]) -> bytes:
    """An Array(String) column."""
    return native.ends(map(len, rows)) + native.strings(list(chain.from_iterable(rows)))


def string_maps(rows: Sequence[Mapping[str, str]]) -> bytes:
    """A Map(String, String) column."""
    return (
        native.ends(map(len, rows))
        + native.strings(list(chain.from_iterable(rows)))
        + native.strings([value for row in rows for value in row.values()])
    )


# What ``event_of`` reads, in its order.
EVENT_COLUMNS = (
    "toString(id)",
    "toUnixTimestamp64Micro(time)",
    "toUnixTimestamp64Micro(observed_time)",
    "source",
    "topic",
    "partition",
    "offset",
    "base64Encode(raw)",
    "service",
    "attributes",
    "typed",
    *TEXT_COLUMNS,
)


def time_of(micros_since_epoch: int) -> datetime:
    """The time of a DateTime64(6) value."""
    return EPOCH + timedelta(microseconds=micros_since_epoch)


def fields_of(
    texts: Sequence[str], service: Sequence[str], attributes: Mapping[str, str], typed: str
) -> dict[str, Value]:
    """The fields of an event as they were before they became columns."""
    fields: dict[str, Value] = {
        name: text for (name, _), text in zip(TEXT_FIELDS, texts, strict=True) if text
    }
    if service:
        fields[LOGSOURCE_SERVICE] = list(service)
    fields.update(attributes)
    if typed:
        fields.update(_typed_decoder.decode(typed))
    return fields


def log_event(
    id: str, time: int, observed_time: int, source: str, fields: dict[str, Value], raw: bytes
) -> Event:
    """A log event of its stored values; times in microseconds since the epoch."""
    return Event(
        id=id,
        kind=Kind.LOG,
        time=time_of(time),
        observed_time=time_of(observed_time),
        source=source,
        fields=fields,
        raw=raw,
    )
