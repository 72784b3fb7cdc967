"""A message that is one JSON object: who wrote it is told by the names it has.

``parse`` gives flat, dotted fields (``pipeline.schema.flatten``), the sender's time and the log
source; documents of no known source keep their own names and have no log source.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import orjson

from pipeline.parsing.cloud import RECOGNISERS
from pipeline.parsing.timestamp import from_epoch, from_iso
from pipeline.parsing.windows import eventlog
from pipeline.schema.event import Value
from pipeline.schema.fields import MESSAGE, PARSE_ERROR
from pipeline.schema.flatten import flatten

Parser = Callable[[Mapping[str, object]], dict[str, Value]]

# Where documents keep their time and their text, most telling first.
_TIMES = (
    "@timestamp",
    "TimeCreated_SystemTime",
    "UtcTime",
    "EventTime",
    "eventTime",
    "timestamp",
    "published",
    "requestReceivedTimestamp",
    "CreationTime",
    "time",
    "ts",
    "created_at",
    "isotimestamp",
    "local_time",
    "datetime",
    "date",
    "time_iso8601",
)
_TEXTS = ("message", "Message", "msg", "MESSAGE", "log", "text", "displayMessage", "eventName")
# More names than any honest document has; the rest stays in the raw text.
MAX_FIELDS = 1_000


def parse(message: bytes | str, received: datetime) -> tuple[datetime | None, dict[str, Value]]:
    """The time and the fields of a document; ``parse_error`` where it is not a JSON object."""
    try:
        document = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        return None, _broken(message, f"not JSON: {error}")
    if not isinstance(document, dict):
        return None, _broken(message, f"JSON {type(document).__name__}, not an object")
    fields = _fields(document)
    time = _time(fields, received)
    if MESSAGE not in fields:
        fields[MESSAGE] = _text(fields)
    if len(fields) > MAX_FIELDS:
        fields = dict(list(fields.items())[:MAX_FIELDS])
        fields[PARSE_ERROR] = f"more than {MAX_FIELDS} fields; the rest is in the raw text"
    return time, fields


def _fields(document: dict[str, object]) -> dict[str, Value]:
    if eventlog.recognises(document):
        return eventlog.parse(document)
    for name, recognises, read in RECOGNISERS:
        if name in document and recognises(document):
            return read(document)
    return flatten(document)


def _broken(message: bytes | str, reason: str) -> dict[str, Value]:
    text = message if isinstance(message, str) else message.decode("utf-8", "replace")
    return {MESSAGE: text, PARSE_ERROR: reason}


def _time(fields: Mapping[str, Value], received: datetime) -> datetime | None:
    for name in _TIMES:
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            time = from_iso(value, received)
        elif isinstance(value, int | float) and value > 1e8:
            time = from_epoch(value)
        else:
            time = None
        if time is not None:
            return time
    return None


def _text(fields: Mapping[str, Value]) -> str:
    for name in _TEXTS:
        value = fields.get(name)
        if isinstance(value, str):
            return value
    return " ".join(f"{name}={value}" for name, value in list(fields.items())[:8])
