"""Park what cannot be processed on the dead-letter topic, with the reason in its headers.

The value stays as it was found, byte for byte. Headers: ``reason`` (a fixed word, for
counting), ``detail`` (for people), ``source``, and for a record that already lies in a topic
``origin_topic``, ``origin_partition`` and ``origin_offset``. A record may be parked twice by
a restart; readers tell it by its origin. A tally has no value but a header ``dropped``: how many
messages were lost whose bytes nobody has.
"""

from dataclasses import dataclass

import msgspec

from pipeline.bus.consumer import Record
from pipeline.bus.position import Position
from pipeline.bus.producer import OutgoingRecord
from pipeline.schema.topics import DEAD_LETTER

MAX_VALUE_BYTES = 512 << 10
MAX_DETAIL_CHARACTERS = 1_000
MAX_SOURCE_CHARACTERS = 500
_DROPPED_HEADER = "dropped"
_MAX_TALLY_DIGITS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What a record of the dead-letter topic says.

    Attributes:
        value: As it was found; its head only, where it was longer than 512 KiB.
        source: Collector and sender, or empty where that could not be told.
        reason: A fixed word.
        detail: What was found and what would have been right.
        origin: Where it lay, if it came from a topic; None if straight from a collector.
    """

    value: bytes
    source: str
    reason: str
    detail: str
    origin: Position | None


def dead_letter(
    *, value: bytes, source: str, reason: str, detail: str, origin: Position | None
) -> OutgoingRecord:
    """The record that parks a value; publish it like any other."""
    source = source[:MAX_SOURCE_CHARACTERS]
    headers = [
        ("reason", reason.encode()),
        ("detail", detail[:MAX_DETAIL_CHARACTERS].encode(errors="replace")),
        ("source", source.encode(errors="replace")),
    ]
    if origin is not None:
        headers += [
            ("origin_topic", origin.topic.encode()),
            ("origin_partition", str(origin.partition).encode()),
            ("origin_offset", str(origin.offset).encode()),
        ]
    return OutgoingRecord(
        topic=DEAD_LETTER,
        value=value[:MAX_VALUE_BYTES],
        key=source.encode(errors="replace"),
        headers=tuple(headers),
    )


def tally(*, source: str, reason: str, count: int) -> OutgoingRecord:
    """The record that says how many messages were lost."""
    record = dead_letter(
        value=b"", source=source, reason=reason, detail=f"{count} messages", origin=None
    )
    headers = (*record.headers, (_DROPPED_HEADER, str(count).encode()))
    return msgspec.structs.replace(record, headers=headers)


def tally_of(record: Record) -> int | None:
    """How many messages a tally stands for; None for a dead letter with a value of its own."""
    text = dict(record.headers).get(_DROPPED_HEADER, b"")
    return int(text) if text.isdigit() and len(text) <= _MAX_TALLY_DIGITS else None


def read_dead_letter(record: Record) -> DeadLetter:
    """What a record of the dead-letter topic says; never fails, whoever wrote it."""
    found = {name: value.decode(errors="replace") for name, value in record.headers}
    origin = None
    numbers = found.get("origin_partition", ""), found.get("origin_offset", "")
    if found.get("origin_topic") and all(text.isascii() and text.isdigit() for text in numbers):
        origin = Position(found["origin_topic"], int(numbers[0]), int(numbers[1]))
    return DeadLetter(
        value=record.value or b"",
        source=found.get("source", ""),
        reason=found.get("reason", "unknown"),
        detail=found.get("detail", ""),
        origin=origin,
    )
