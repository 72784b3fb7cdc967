"""Log events to rows and back; the hot half of ``rows``. Pure.

Events of one parser have the same field names, so a batch is grouped by names and turned into
columns by C code (``zip``), group by group. An event with a list, or with few of its kind, takes
the long way, ``_Batch.add``, which says what the short one means.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from math import isfinite
from typing import Protocol, cast

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
# Below this many alike, going through them one by one costs less.
_WORTH_GROUPING = 6

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


# An event and where it lies.
Stored = tuple[Event, LogPosition]


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


class _Batch:
    """The fields of a batch, column by column, and the events in the order of the rows."""

    def __init__(self) -> None:
        self.events: list[Stored] = []
        self.texts: list[list[str]] = [[] for _ in TEXT_FIELDS]
        self.services: list[Sequence[str]] = []
        self.attribute_counts: list[int] = []
        self.attribute_keys: list[bytes] = []
        self.attribute_values: list[str] = []
        self.lists: list[Mapping[str, list[str]]] = []
        self.typed: list[bytes] = []

    def add(self, pair: Stored) -> None:
        """Add one event, whatever the types of its fields."""
        texts = [""] * len(TEXT_FIELDS)
        attributes: dict[str, str] = {}
        lists: dict[str, list[str]] = {}
        typed: dict[str, Value] = {}
        service: Sequence[str] = ()
        for name, value in pair[0].fields.items():
            if name == LOGSOURCE_SERVICE:
                given = value if isinstance(value, list) else [value]
                service = [scalar_text(one) for one in given]
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
        self.events.append(pair)
        for column, text in zip(self.texts, texts, strict=True):
            column.append(text)
        self.services.append(service)
        self.attribute_counts.append(len(attributes))
        self.attribute_keys.extend(map(native.text, attributes))
        self.attribute_values.extend(attributes.values())
        self.lists.append(lists)
        self.typed.append(_typed_json(typed) if typed else b"")

    def add_alike(self, names: tuple[str, ...], pairs: Sequence[Stored]) -> None:
        """Add events that all have these fields, in this order; means what ``add`` means."""
        columns = _columns(pairs)
        odd = set[int]()
        for name, column in zip(names, columns, strict=True):
            odd.update(_odd(name, column))
        if odd:
            for at in sorted(odd):
                self.add(pairs[at])
            pairs = [pair for at, pair in enumerate(pairs) if at not in odd]
            columns = _columns(pairs)
        if pairs:
            self._add_even(names, columns, pairs)

    def _add_even(
        self, names: tuple[str, ...], columns: Sequence[Sequence[Value]], pairs: Sequence[Stored]
    ) -> None:
        """Add events without a list, but for services, and without an empty text of a column."""
        count = len(pairs)
        texts: dict[int, Sequence[str]] = {}
        services: Iterable[Sequence[str]] = repeat((), count)
        attributes: list[str] = []
        values: list[Sequence[str]] = []
        typed: dict[str, Sequence[Value]] = {}
        for name, column in zip(names, columns, strict=True):
            if name == LOGSOURCE_SERVICE:
                services = cast("Sequence[list[str]]", column)
                continue
            if not _all_text(column):
                typed[name] = column
                column = [scalar_text(value) for value in cast("Sequence[Scalar]", column)]
            if name in _AT:
                texts[_AT[name]] = cast("Sequence[str]", column)
            else:
                attributes.append(name)
                values.append(cast("Sequence[str]", column))
        self.events.extend(pairs)
        for at, texts_column in enumerate(self.texts):
            texts_column.extend(texts.get(at) or repeat("", count))
        self.services.extend(services)
        self.attribute_counts.extend(repeat(len(attributes), count))
        self.attribute_keys.extend(repeat(b"".join(map(native.text, attributes)), count))
        self.attribute_values.extend(chain.from_iterable(zip(*values, strict=True)))
        self.lists.extend(repeat({}, count))
        self.typed.extend(_typed_rows(typed) if typed else repeat(b"", count))


def _columns(pairs: Sequence[Stored]) -> list[tuple[Value, ...]]:
    """The values of events with the same fields, field by field."""
    return list(zip(*(event.fields.values() for event, _ in pairs), strict=True))


def _odd(name: str, column: Sequence[Value]) -> Iterable[int]:
    """Which of the values of a field ask for the long way."""
    if name == LOGSOURCE_SERVICE:
        if set(map(type, column)) == {list} and all(column):
            lists = cast("Sequence[list[str]]", column)
            if _all_text(list(chain.from_iterable(lists))):
                return ()
        return [at for at, value in enumerate(column) if not _is_texts(value)]
    if _all_text(column) and not (name in _AT and "" in column):
        return ()
    return [
        at
        for at, value in enumerate(column)
        if isinstance(value, list) or (value == "" and name in _AT)
    ]


def _all_text(values: Sequence[Value]) -> bool:
    """Whether all are texts; a join finds out faster than looking at types."""
    try:
        "".join(cast("Sequence[str]", values))
    except TypeError:
        return False
    return True


def _is_texts(value: Value) -> bool:
    """Whether a value is a list of texts, one at least."""
    return isinstance(value, list) and bool(value) and _all_text(value)


def _typed_json(typed: Mapping[str, Value]) -> bytes:
    """The JSON of what is not text; a number that JSON has no word for goes as text.

    >>> _typed_json({"load": [float("inf"), 1]})
    b'{"load":["inf",1]}'
    """
    encoded = _typed_encoder.encode(typed)
    if b"null" not in encoded:
        return encoded
    finite = {
        name: [_finite(one) for one in value] if isinstance(value, list) else _finite(value)
        for name, value in typed.items()
    }
    return _typed_encoder.encode(finite)


def _finite(value: Scalar) -> Scalar:
    return value if not isinstance(value, float) or isfinite(value) else scalar_text(value)


def _typed_rows(columns: Mapping[str, Sequence[Value]]) -> list[bytes]:
    """The JSON of what is not text, event by event."""
    names = tuple(columns)
    rows = zip(*columns.values(), strict=True)
    return [
        _typed_json(
            {name: value for name, value in zip(names, row, strict=True) if type(value) is not str}
        )
        for row in rows
    ]


def event_columns(events: Sequence[Stored]) -> list[Column]:
    """The columns of the ``events`` table for a batch; rows are grouped by the events' fields."""
    batch = _Batch()
    alike: dict[tuple[str, ...], list[Stored]] = {}
    for pair in events:
        alike.setdefault(tuple(pair[0].fields), []).append(pair)
    for names, pairs in alike.items():
        if len(pairs) < _WORTH_GROUPING:
            for pair in pairs:
                batch.add(pair)
        else:
            batch.add_alike(names, pairs)
    ordered = [event for event, _ in batch.events]
    return [
        Column("id", "UUID", native.uuids([event.id for event in ordered])),
        Column("time", "DateTime64(6, 'UTC')", micros([event.time for event in ordered])),
        Column(
            "observed_time",
            "DateTime64(6, 'UTC')",
            micros([event.observed_time for event in ordered]),
        ),
        Column("source", "String", native.strings([event.source for event in ordered])),
        *position_columns([position for _, position in batch.events]),
        Column("raw", "String", native.blobs([event.raw for event in ordered])),
        *(
            Column(name, "String", native.strings(column))
            for name, column in zip(TEXT_COLUMNS, batch.texts, strict=True)
        ),
        Column("service", "Array(String)", string_arrays(batch.services)),
        Column(
            "attributes",
            "Map(String, String)",
            native.ends(batch.attribute_counts)
            + b"".join(batch.attribute_keys)
            + native.strings(batch.attribute_values),
        ),
        Column("lists", "Map(String, Array(String))", _lists(batch.lists)),
        Column("typed", "String", native.blobs(batch.typed)),
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
