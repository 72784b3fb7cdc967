"""Log events to rows and back; the hot half of ``rows``. Pure.

Events of one parser have the same field names, so what goes where is worked out once per set of
names (a Shape) and then applied by C code: 1,000s of names sets are remembered, no more. An event
whose values are not all plain text takes the long way, which says what the short one means.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from operator import itemgetter
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
_MAX_SHAPES = 4096

# Fields with a text column of their own, in the order of the columns; services are a list.
TEXT_FIELDS = tuple(
    (field.name, field.column)
    for field in FIELDS
    if field.column is not None and field.name != LOGSOURCE_SERVICE
)
TEXT_COLUMNS = tuple(column for _, column in TEXT_FIELDS)
_AT = {name: at for at, (name, _) in enumerate(TEXT_FIELDS)}

_typed_encoder = msgspec.json.Encoder()
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


class _Columns:
    """The fields of a batch, column by column."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, ...]] = []
        self.services: list[Sequence[str]] = []
        self.attribute_counts: list[int] = []
        self.attribute_keys: list[bytes] = []
        self.attribute_values: list[str] = []
        self.lists: list[Mapping[str, list[str]]] = []
        self.typed: list[bytes] = []


class _Shape:
    """What goes where for events with exactly these field names."""

    def __init__(self, names: Sequence[str]) -> None:
        at = {name: index for index, name in enumerate(names)}
        missing = len(names)  # where the fast path keeps an empty text
        self.service_at = at.get(LOGSOURCE_SERVICE)
        self._columns = itemgetter(*(at.get(name, missing) for name, _ in TEXT_FIELDS))
        self._absent = sum(name not in at for name, _ in TEXT_FIELDS)
        others = [name for name in names if name not in _AT and name != LOGSOURCE_SERVICE]
        self._attributes = _getter([at[name] for name in others])
        self._keys = b"".join(map(native.text, others))
        self._count = len(others)

    def add(self, values: list[Value], service: Sequence[str], into: _Columns) -> bool:
        """Add an event whose values are all text; False if one of a text column is empty."""
        texts: tuple[str, ...] = self._columns(values)
        if texts.count("") != self._absent:
            return False
        into.texts.append(texts)
        into.services.append(service)
        into.attribute_counts.append(self._count)
        into.attribute_keys.append(self._keys)
        into.attribute_values.extend(self._attributes(values))
        into.lists.append({})
        into.typed.append(b"")
        return True


_shapes: dict[tuple[str, ...], _Shape] = {}
_ONLY_TEXT = {str}


def _add(fields: Mapping[str, Value], into: _Columns) -> None:
    """Add the fields of one event."""
    names = tuple(fields)
    shape = _shapes.get(names)
    if shape is None:
        if len(_shapes) >= _MAX_SHAPES:
            _shapes.clear()
        shape = _shapes[names] = _Shape(names)
    values = [*fields.values(), ""]
    service: Sequence[str] = ()
    at = shape.service_at
    if at is not None:
        given = values[at]
        if type(given) is not list or not given or set(map(type, given)) != _ONLY_TEXT:
            _add_slowly(fields, into)
            return
        service, values[at] = given, ""  # type: ignore[assignment]
    if set(map(type, values)) != _ONLY_TEXT or not shape.add(values, service, into):
        _add_slowly(fields, into)


def _add_slowly(fields: Mapping[str, Value], into: _Columns) -> None:
    """Add the fields of one event, whatever their types."""
    texts = [""] * len(TEXT_FIELDS)
    attributes: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    typed: dict[str, Value] = {}
    service: Sequence[str] = ()
    for name, value in fields.items():
        if name == LOGSOURCE_SERVICE:
            service = [scalar_text(one) for one in (value if isinstance(value, list) else [value])]
            if service != value or not service:
                typed[name] = value
        elif isinstance(value, list):
            lists[name] = [scalar_text(one) for one in value]
            typed[name] = value
        elif name in _AT:
            texts[_AT[name]] = scalar_text(value)
            if type(value) is not str or not value:
                typed[name] = value
        else:
            attributes[name] = scalar_text(value)
            if type(value) is not str:
                typed[name] = value
    into.texts.append(tuple(texts))
    into.services.append(service)
    into.attribute_counts.append(len(attributes))
    into.attribute_keys.extend(map(native.text, attributes))
    into.attribute_values.extend(attributes.values())
    into.lists.append(lists)
    into.typed.append(_typed_encoder.encode(typed) if typed else b"")


def event_columns(events: Sequence[tuple[Event, LogPosition]]) -> list[Column]:
    """The columns of the ``events`` table for a batch."""
    into = _Columns()
    for event, _ in events:
        _add(event.fields, into)
    texts = list(zip(*into.texts, strict=True)) or [() for _ in TEXT_COLUMNS]
    return [
        Column("id", "UUID", native.uuids([event.id for event, _ in events])),
        Column("time", "DateTime64(6, 'UTC')", micros([event.time for event, _ in events])),
        Column(
            "observed_time",
            "DateTime64(6, 'UTC')",
            micros([event.observed_time for event, _ in events]),
        ),
        Column("source", "String", native.strings([event.source for event, _ in events])),
        *position_columns([position for _, position in events]),
        Column("raw", "String", native.blobs([event.raw for event, _ in events])),
        *(
            Column(name, "String", native.strings(column))
            for name, column in zip(TEXT_COLUMNS, texts, strict=True)
        ),
        Column("service", "Array(String)", string_arrays(into.services)),
        Column(
            "attributes",
            "Map(String, String)",
            native.ends(into.attribute_counts)
            + b"".join(into.attribute_keys)
            + native.strings(into.attribute_values),
        ),
        Column("lists", "Map(String, Array(String))", _lists(into.lists)),
        Column("typed", "String", native.blobs(into.typed)),
    ]


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


def _lists(rows: Sequence[Mapping[str, list[str]]]) -> bytes:
    """A Map(String, Array(String)) column."""
    if not any(rows):
        return bytes(8 * len(rows))
    return (
        native.ends(map(len, rows))
        + native.strings(list(chain.from_iterable(rows)))
        + string_arrays([value for row in rows for value in row.values()])
    )


def _getter(indexes: Sequence[int]) -> Callable[[list[Value]], Sequence[str]]:
    """Like itemgetter, but always gives a sequence."""
    if not indexes:
        return lambda values: ()
    if len(indexes) == 1:
        only = indexes[0]
        return lambda values: (values[only],)  # type: ignore[return-value]
    return itemgetter(*indexes)


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
