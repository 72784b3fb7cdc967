"""Log events to the columns of ``events``, a chunk at a time; the hot half of ``rows``. Pure.

Events of one parser have the same field names, so a chunk is grouped by names and each group
becomes columns by C code (slices, joins, ``map``). An event with a list, or with few of its kind,
takes the long way, ``_Loose.add``, which says what the short one means.

Of a chunk only bytes are kept, so its events can go before the next are read: a batch that is
read as a whole before it is written has left the processor's caches by then.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from itertools import chain, repeat
from math import isfinite
from typing import NamedTuple, cast

import msgspec

from pipeline.schema.event import Event, Scalar, Value
from pipeline.schema.fields import LOGSOURCE_SERVICE
from pipeline.store import native
from pipeline.store.event_rows import (
    TEXT_COLUMNS,
    TEXT_FIELDS,
    LogPosition,
    micros,
    position_columns,
    scalar_text,
)
from pipeline.store.native import Column, Rows

# An event and where it lies.
Stored = tuple[Event, LogPosition]

# Below this many alike, going through them one by one costs less.
_WORTH_GROUPING = 8
_AT = {name: at for at, (name, _) in enumerate(TEXT_FIELDS)}

_typed_encoder = msgspec.json.Encoder()


class EventColumns:
    """Collects the rows of one block of ``events``; their order in it is nobody's promise."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def add(self, events: Sequence[Stored]) -> None:
        """Add a chunk; some hundreds or thousands at a time make the best of caches."""
        alike: defaultdict[tuple[str, ...], list[Stored]] = defaultdict(list)
        for pair in events:
            alike[tuple(pair[0].fields)].append(pair)
        loose = _Loose()
        for names, pairs in alike.items():
            if len(pairs) < _WORTH_GROUPING:
                loose.extend(pairs)
            else:
                self._add_alike(names, pairs, loose)
        if loose.pairs:
            self._parts.append(loose.part())

    def rows(self) -> Rows:
        """All that was added, as one block."""
        parts = self._parts
        columns = [
            Column(found[0].name, found[0].type, b"".join([column.data for column in found]))
            for found in zip(*[part.plain for part in parts], strict=True)
        ]
        services = [part.services for part in parts]
        attributes = [part.attributes for part in parts]
        lists = [part.lists for part in parts]
        elements = [part.elements for part in parts]
        columns += [
            Column("service", "Array(String)", _ends(services) + _joined(services)),
            Column(
                "attributes",
                "Map(String, String)",
                _ends(attributes)
                + _joined(attributes)
                + b"".join([part.attribute_values for part in parts]),
            ),
            Column(
                "lists",
                "Map(String, Array(String))",
                _ends(lists) + _joined(lists) + _ends(elements) + _joined(elements),
            ),
        ]
        return Rows.of(columns, sum(part.length for part in parts))

    def _add_alike(self, names: tuple[str, ...], pairs: list[Stored], loose: "_Loose") -> None:
        """Add events that all have these fields, in this order."""
        columns = _columns_of(names, pairs)
        odd = set[int]().union(*map(_odd, columns))
        if not odd:
            self._parts.append(_even_part(columns, pairs))
            return
        loose.extend([pairs[at] for at in sorted(odd)])
        even = [pair for at, pair in enumerate(pairs) if at not in odd]
        if even:
            self._parts.append(_even_part(_columns_of(names, even), even))


class _Elements(NamedTuple):
    """The arrays of some rows: how many elements each has, and all of them."""

    counts: Iterable[int]
    data: bytes


class _Part(NamedTuple):
    """Some rows as bytes: columns that can be joined as they are, and arrays that cannot."""

    length: int
    plain: list[Column]
    services: _Elements
    attributes: _Elements
    attribute_values: bytes
    lists: _Elements
    elements: _Elements


_NONE = _Elements((), b"")


def _ends(arrays: Iterable[_Elements]) -> bytes:
    return native.ends(chain.from_iterable([one.counts for one in arrays]))


def _joined(arrays: Iterable[_Elements]) -> bytes:
    return b"".join([one.data for one in arrays])


def _plain(pairs: Sequence[Stored], texts: Iterable[bytes], typed: bytes) -> list[Column]:
    """The columns of rows that are no arrays."""
    events = [event for event, _ in pairs]
    kind = "DateTime64(6, 'UTC')"
    return [
        Column("id", "UUID", native.uuids([event.id for event in events])),
        Column("time", kind, micros([event.time for event in events])),
        Column("observed_time", kind, micros([event.observed_time for event in events])),
        Column("source", "String", native.strings([event.source for event in events])),
        *position_columns([position for _, position in pairs]),
        Column("raw", "String", native.blobs([event.raw for event in events])),
        *(Column(name, "String", data) for name, data in zip(TEXT_COLUMNS, texts, strict=True)),
        Column("typed", "String", typed),
    ]


class _Loose:
    """Events one by one, whatever the types of their fields."""

    def __init__(self) -> None:
        self.pairs: list[Stored] = []
        self._texts: list[list[str]] = [[] for _ in TEXT_FIELDS]
        self._services: list[Sequence[str]] = []
        self._attributes: list[Mapping[str, str]] = []
        self._lists: list[Mapping[str, list[str]]] = []
        self._typed: list[bytes] = []

    def extend(self, pairs: Iterable[Stored]) -> None:
        """Add events."""
        for pair in pairs:
            self.add(pair)

    def add(self, pair: Stored) -> None:
        """Add one event."""
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
        self.pairs.append(pair)
        for column, text in zip(self._texts, texts, strict=True):
            column.append(text)
        self._services.append(service)
        self._attributes.append(attributes)
        self._lists.append(lists)
        self._typed.append(_typed_json(typed) if typed else b"")

    def part(self) -> _Part:
        """All that was added."""
        lists = [texts for row in self._lists for texts in row.values()]
        return _Part(
            length=len(self.pairs),
            plain=_plain(self.pairs, map(native.strings, self._texts), native.blobs(self._typed)),
            services=_texts(self._services),
            attributes=_texts([list(row) for row in self._attributes]),
            attribute_values=native.strings(
                [text for row in self._attributes for text in row.values()]
            ),
            lists=_texts([list(row) for row in self._lists]),
            elements=_texts(lists),
        )


def _texts(rows: Sequence[Sequence[str]]) -> _Elements:
    return _Elements(list(map(len, rows)), native.strings(list(chain.from_iterable(rows))))


class _Types(Enum):
    """What the values of a field are, as far as it decides how they are written."""

    TEXT = auto()
    WHOLE = auto()  # int and nothing else, so no bool either
    MIXED = auto()


class _Field(NamedTuple):
    """One field of events that are alike."""

    name: str
    types: _Types
    values: list[Value]


def _columns_of(names: tuple[str, ...], pairs: Sequence[Stored]) -> list[_Field]:
    """The values of events with the same fields, field by field."""
    values = list(chain.from_iterable([event.fields.values() for event, _ in pairs]))
    columns = [values[at :: len(names)] for at in range(len(names))]
    return [_Field(*found) for found in zip(names, map(_types_of, columns), columns, strict=True)]


def _types_of(column: list[Value]) -> _Types:
    if _all_text(column):
        return _Types.TEXT
    return _Types.WHOLE if set(map(type, column)) == {int} else _Types.MIXED


def _odd(field: _Field) -> Iterable[int]:
    """Which of the values of a field ask for the long way."""
    name, types, column = field
    if name == LOGSOURCE_SERVICE:
        first = column[0]
        if _is_texts(first) and column.count(first) == len(column):
            return ()
        return [at for at, value in enumerate(column) if not _is_texts(value)]
    if types is _Types.WHOLE or (types is _Types.TEXT and not (name in _AT and "" in column)):
        return ()
    return [
        at
        for at, value in enumerate(column)
        if isinstance(value, list) or (value == "" and name in _AT)
    ]


def _even_part(fields: Sequence[_Field], pairs: Sequence[Stored]) -> _Part:
    """Events without a list, but for services, and without an empty text of a column."""
    count = len(pairs)
    texts = [bytes(count)] * len(TEXT_FIELDS)
    services = _Elements(repeat(0, count), b"")
    attributes: list[str] = []
    values: list[Sequence[str]] = []
    typed: list[_Field] = []
    for field in fields:
        name = field.name
        if name == LOGSOURCE_SERVICE:
            services = _services(cast("list[list[str]]", field.values))
            continue
        if field.types is not _Types.TEXT:
            typed.append(field)
        shown = _shown(field)
        if name in _AT:
            texts[_AT[name]] = native.strings(shown)
        else:
            attributes.append(name)
            values.append(shown)
    return _Part(
        length=count,
        plain=_plain(pairs, texts, _typed_rows(typed) if typed else bytes(count)),
        services=services,
        attributes=_Elements(
            repeat(len(attributes), count), b"".join(map(native.text, attributes)) * count
        ),
        attribute_values=native.strings(list(chain.from_iterable(zip(*values, strict=True)))),
        lists=_Elements(repeat(0, count), b""),
        elements=_NONE,
    )


def _shown(field: _Field) -> Sequence[str]:
    """The values as texts."""
    if field.types is _Types.TEXT:
        return cast("list[str]", field.values)
    if field.types is _Types.WHOLE:
        return list(map(str, field.values))
    return list(map(scalar_text, cast("list[Scalar]", field.values)))


def _services(column: list[list[str]]) -> _Elements:
    first, count = column[0], len(column)
    if column.count(first) == count:
        return _Elements(repeat(len(first), count), native.strings(first) * count)
    return _texts(column)


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


def _typed_rows(fields: Sequence[_Field]) -> bytes:
    """The JSON of what is not text, event by event, as a String column."""
    rows = zip(*[field.values for field in fields], strict=True)
    names = [field.name for field in fields]
    if all(field.types is _Types.WHOLE for field in fields):
        keys = [_typed_encoder.encode(name).decode().replace("%", "%%") for name in names]
        form = "{" + ",".join([f"{key}:%d" for key in keys]) + "}"
        return native.strings([form % row for row in rows])
    texts_left_out = (
        {name: value for name, value in zip(names, row, strict=True) if type(value) is not str}
        for row in rows
    )
    return native.blobs([_typed_json(typed) if typed else b"" for typed in texts_left_out])
