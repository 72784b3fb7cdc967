"""Which parser a message wants: the one door from bytes to named fields.

``parse`` never raises and never drops: what no parser understands keeps its text under
``message``. A ``parse_error`` says that a format was announced and is broken (a syslog PRI that
is none, JSON that does not close, bytes that are not UTF-8), not that a text was plain.
Pure: the time of receipt is an argument.
"""

from datetime import datetime
from enum import StrEnum
from itertools import islice

import msgspec

from pipeline.parsing import json, programs, rfc3164, rfc5424
from pipeline.parsing.syslog_message import PRIORITIES
from pipeline.parsing.timestamp import believable
from pipeline.schema.event import Value
from pipeline.schema.fields import BY_NAME, LOGSOURCE_PRODUCT, MESSAGE, PARSE_ERROR, with_ecs


class Dialect(StrEnum):
    """What a collector knows of a message before it is read."""

    SYSLOG = "syslog"  # one syslog frame, its PRI perhaps missing
    JSON = "json"  # one JSON object
    LINE = "line"  # one line of text, of any format


class Parsed(msgspec.Struct, frozen=True):
    """What a message says.

    Attributes:
        time: The sender's time, believable and with a zone; None where the time of receipt is
            to be used, because there was none or because of what ``time_error`` says.
        fields: As ``Event.fields``, always with a ``message``. Some values are shared with other
            events: don't change them in place.
    """

    time: datetime | None
    fields: dict[str, Value]


# More names than any honest message has; the rest stays in the raw text.
MAX_FIELDS = 1_000
_CEE_COOKIE = "@cee:"  # announces JSON inside a syslog message (rsyslog's mmjsonparse)


def parse(message: bytes, *, received: datetime, dialect: Dialect) -> Parsed:
    """Read a message of at most a few hundred kilobytes (the caller's limit), in linear time.

    Args:
        message: As received, without its transport frame.
        received: Our time of receipt, with a zone; times without a zone are read in it.
        dialect: What the transport promises.
    """
    if dialect is Dialect.JSON:
        time, fields = json.parse(message, received)
        if len(fields) > MAX_FIELDS:
            fields = _cut(fields)
        return Parsed(believable(time, received, fields), fields)
    error = ""
    try:
        text = message.decode()
    except UnicodeDecodeError as broken:
        error = f"not UTF-8 at byte {broken.start}"
        text = message.decode("utf-8", "replace")
    text = text.rstrip("\r\n\0").removeprefix("\ufeff")
    if dialect is Dialect.SYSLOG or text[:1] == "<":
        time, fields = _syslog(text, received)
    else:
        time, fields = _line(text, received)
    if error:
        fields.setdefault(PARSE_ERROR, error)
    if len(fields) > MAX_FIELDS:
        fields = _cut(fields)
    return Parsed(believable(time, received, fields), fields)


def _cut(fields: dict[str, Value]) -> dict[str, Value]:
    """The first fields and all that have a meaning of their own."""
    kept = dict(islice(fields.items(), MAX_FIELDS))
    kept.update((name, fields[name]) for name in BY_NAME if name in fields)
    kept[PARSE_ERROR] = f"more than {MAX_FIELDS} fields; the rest is in the raw text"
    return kept


def _syslog(text: str, received: datetime) -> tuple[datetime | None, dict[str, Value]]:
    priority = None
    rest = text
    if text[:1] == "<":
        end = text.find(">", 1, 5)
        priority = PRIORITIES.get(text[1:end])
        if priority is not None:
            rest = text[end + 1 :]
        elif text[1:2].isdecimal():
            return None, {MESSAGE: text, PARSE_ERROR: "syslog priority is not 0 to 191"}
    is_new = rest[:2] == "1 " and priority is not None  # VERSION follows PRI at once
    message = rfc5424.parse(rest, received) if is_new else rfc3164.parse(rest, received)
    time, fields = programs.read(message, priority, received)
    if message.text[:1] in ("{", "@"):
        return _with_document(message.text, time, fields, received)
    return time, fields


def _with_document(
    text: str, time: datetime | None, fields: dict[str, Value], received: datetime
) -> tuple[datetime | None, dict[str, Value]]:
    """JSON in a syslog message: what it says goes before what the header says."""
    announced = text.startswith(_CEE_COOKIE)
    body = text[len(_CEE_COOKIE) :].lstrip() if announced else text
    if not body.startswith("{") or (not announced and not body.startswith(('{"', "{}", "{ "))):
        return time, fields
    document_time, document = json.parse(body, received)
    if LOGSOURCE_PRODUCT in document:
        fields = {
            name: value for name, value in fields.items() if not name.startswith("logsource.")
        }
    return document_time or time, fields | document


def _line(text: str, received: datetime) -> tuple[datetime | None, dict[str, Value]]:
    if text[:1] == "{":
        return json.parse(text, received)
    fields: dict[str, Value] = {MESSAGE: text}
    time = programs.read_format(text, fields, received)
    if len(fields) > 1:
        return time, with_ecs(fields)
    message = rfc3164.parse(text, received)
    if message.time is not None:  # a line of a log file that a syslog daemon wrote
        return programs.read(message, None, received)
    return None, fields
