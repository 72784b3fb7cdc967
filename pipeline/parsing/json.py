"""A message that is one JSON object: who wrote it is told by the names it has.

``parse`` gives flat, dotted fields (``pipeline.schema.flatten``), the sender's time and the log
source; documents of no known source keep their own names and have no log source.
"""

from collections.abc import Mapping
from datetime import datetime

import orjson

from pipeline.parsing import programs
from pipeline.parsing.cloud import (
    azure,
    bitbucket,
    cloudtrail,
    duo,
    gcp_audit,
    github,
    kubernetes,
    m365,
    okta,
    onelogin,
    opencanary,
)
from pipeline.parsing.document_source import DocumentSource
from pipeline.parsing.linux import journald
from pipeline.parsing.network import zeek
from pipeline.parsing.timestamp import from_epoch, from_iso
from pipeline.parsing.windows import eventlog
from pipeline.schema.event import Value
from pipeline.schema.fields import MESSAGE, PARSE_ERROR, with_ecs
from pipeline.schema.flatten import flatten

# By the name that is looked for first; one dict look-up each for a document of another source.
_SOURCES: tuple[tuple[str, DocumentSource], ...] = tuple(
    (module.SOURCE.name, module.SOURCE)
    for module in (
        cloudtrail,
        gcp_audit,
        kubernetes,
        okta,
        m365,
        azure,
        opencanary,
        onelogin,
        duo,
        bitbucket,
        zeek,
        github,
    )
)
# Where documents keep their time, most telling first.
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
    "local_time_adjusted",
    "datetime",
    "date",
)
_TEXTS = ("msg", "Message", "MESSAGE", "log", "text", "event")
_TOLD = 8  # fields of a document without a text that stand for one
_EARLIEST_EPOCH = 1e8  # 1973: smaller numbers are durations and counters


def parse(message: bytes | str, received: datetime) -> tuple[datetime | None, dict[str, Value]]:
    """The time and the fields of a document; ``parse_error`` where it is not a JSON object."""
    try:
        document = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        return None, _broken(message, f"not JSON: {error}")
    if not isinstance(document, dict):
        return None, _broken(message, f"JSON {type(document).__name__}, not an object")
    if journald.recognises(document):
        return programs.read(journald.parse(document), None, received)
    fields = with_ecs(_fields(document))
    if not isinstance(fields.get(MESSAGE), str):
        fields[MESSAGE] = _text(fields)
    return _time(fields, received), fields


def _fields(document: dict[str, object]) -> dict[str, Value]:
    if eventlog.recognises(document):
        return eventlog.parse(document)
    for name, source in _SOURCES:
        if name in document and source.recognises(document):
            return source.parse(document)
    return flatten(document)


def _broken(message: bytes | str, reason: str) -> dict[str, Value]:
    text = message if isinstance(message, str) else message.decode("utf-8", "replace")
    return {MESSAGE: text, PARSE_ERROR: reason}


def _time(fields: Mapping[str, Value], received: datetime) -> datetime | None:
    for name in _TIMES:
        value = fields.get(name)
        if isinstance(value, str):
            time = from_iso(value, received)
        elif isinstance(value, int | float) and value > _EARLIEST_EPOCH:
            time = from_epoch(value)
        else:
            continue
        if time is not None:
            return time
    return None


def _text(fields: Mapping[str, Value]) -> str:
    for name in _TEXTS:
        value = fields.get(name)
        if isinstance(value, str):
            return value
    return " ".join(f"{name}={value}" for name, value in list(fields.items())[:_TOLD])
