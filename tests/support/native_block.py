"""ClickHouse's Native format, read independently of how we write it."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from pipeline.schema.event import Event, Kind
from pipeline.store.event_rows import TEXT_COLUMNS, fields_of, time_of


@dataclass
class Reader:
    """What is left of a block."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        assert len(part) == count
        self.at += count
        return part

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def blob(self) -> bytes:
        return self.take(self.varint())

    def column(self, kind: str, count: int) -> list[object]:
        if kind == "String":
            return [self.blob() for _ in range(count)]
        if kind == "UUID":
            return [struct.unpack("<QQ", self.take(16)) for _ in range(count)]
        if kind.startswith("Array("):
            return self._sliced(count, lambda total: self.column(kind[6:-1], total))
        if kind.startswith("Map("):
            key, value = kind[4:-1].split(", ", 1)

            def pairs(total: int) -> list[object]:
                keys = self.column(key, total)
                return list(zip(keys, self.column(value, total), strict=True))

            return self._sliced(count, pairs)
        code = {"Int32": "i", "Int64": "q", "DateTime64(6, 'UTC')": "q"}[kind]
        size = struct.calcsize(code)
        return [struct.unpack(f"<{code}", self.take(size))[0] for _ in range(count)]

    def _sliced(self, count: int, read: Callable[[int], list[object]]) -> list[object]:
        ends = [struct.unpack("<Q", self.take(8))[0] for _ in range(count)]
        elements = read(ends[-1] if ends else 0)
        begins = [0, *ends][: len(ends)]
        return [elements[begin:end] for begin, end in zip(begins, ends, strict=True)]


def read_events(body: bytes) -> list[tuple[Event, int]]:
    """The events of a block, with their offsets."""
    reader = Reader(body)
    width, count = reader.varint(), reader.varint()
    columns: dict[str, list[object]] = {}
    for _ in range(width):
        name = reader.blob().decode()
        columns[name] = reader.column(reader.blob().decode(), count)
    assert reader.at == len(body)
    return [
        read_event({name: column[row] for name, column in columns.items()}) for row in range(count)
    ]


def read_event(row: dict[str, object]) -> tuple[Event, int]:
    def text(value: object) -> str:
        assert isinstance(value, bytes)
        return value.decode()

    def number(name: str) -> int:
        value = row[name]
        assert isinstance(value, int)
        return value

    halves, service, attributes, raw = row["id"], row["service"], row["attributes"], row["raw"]
    assert isinstance(halves, tuple)
    assert isinstance(service, list)
    assert isinstance(attributes, list)
    assert isinstance(raw, bytes)
    event = Event(
        id=str(UUID(int=halves[0] << 64 | halves[1])),
        kind=Kind.LOG,
        time=time_of(number("time")),
        observed_time=time_of(number("observed_time")),
        source=text(row["source"]),
        fields=fields_of(
            [text(row[column]) for column in TEXT_COLUMNS],
            [text(one) for one in service],
            {text(key): text(value) for key, value in attributes},
            text(row["typed"]),
        ),
        raw=raw,
    )
    return event, number("offset")
