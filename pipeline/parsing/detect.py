"""Which parser a message wants: the one door from bytes to named fields.

``parse`` never raises and never drops: what no parser understands keeps its text under
``message``. A ``parse_error`` says that a format was announced and is broken (a syslog PRI that
is none, JSON that does not close, bytes that are not UTF-8), not that a text was plain.
Pure: the time of receipt is an argument.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

import msgspec

from pipeline.parsing import json, rfc3164, rfc5424
from pipeline.parsing.linux import sshd
from pipeline.parsing.log_source import LogSource
from pipeline.parsing.syslog_message import PRIORITIES, SyslogMessage
from pipeline.parsing.timestamp import believable
from pipeline.schema.event import Value
from pipeline.schema.fields import MESSAGE, PARSE_ERROR, with_ecs


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
        fields: As ``Event.fields``, always with a ``message``.
    """

    time: datetime | None
    fields: dict[str, Value]


Reader = Callable[[str, dict[str, Value]], None]

LINUX_SYSLOG = LogSource(product="linux", services=("syslog",))

_BY_PROGRAM: dict[str, tuple[Reader, LogSource]] = {
    program: (module.parse, module.LOG_SOURCE) for module in (sshd,) for program in module.PROGRAMS
}


def parse(message: bytes, *, received: datetime, dialect: Dialect) -> Parsed:
    """Read a message of at most a few hundred kilobytes (the caller's limit), in linear time.

    Args:
        message: As received, without its transport frame.
        received: Our time of receipt, with a zone; times without a zone are read in it.
        dialect: What the transport promises.
    """
    if dialect is Dialect.JSON:
        time, fields = json.parse(message, received)
        return Parsed(believable(time, received, fields), with_ecs(fields))
    error = ""
    try:
        text = message.decode()
    except UnicodeDecodeError as broken:
        error = f"not UTF-8 at byte {broken.start}"
        text = message.decode("utf-8", "replace")
    text = text.rstrip("\r\n\0").removeprefix("\ufeff")
    if dialect is Dialect.LINE and text[:1] == "{":
        time, fields = json.parse(text, received)
        return Parsed(believable(time, received, fields), with_ecs(fields))
    if dialect is Dialect.LINE and text[:1] != "<":
        time, fields = None, {MESSAGE: text}
    else:
        time, fields = _syslog(text, received)
    if error:
        fields.setdefault(PARSE_ERROR, error)
    return Parsed(believable(time, received, fields), fields)


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
    if rest[:2] == "1 " and priority is not None:
        message = rfc5424.parse(rest, received)
    else:
        message = rfc3164.parse(rest, received)
    return message.time, _fields(message, priority)


def _fields(message: SyslogMessage, priority: tuple[str, str] | None) -> dict[str, Value]:
    text, program = message.text, message.program
    fields: dict[str, Value] = {MESSAGE: text}
    if message.hostname:
        fields["Computer"] = fields["host.name"] = message.hostname
    if program:
        fields["program"] = fields["process.name"] = program
    process_id = message.process_id
    if process_id:
        pid = int(process_id) if process_id.isdecimal() and len(process_id) < 11 else process_id
        fields["pid"] = fields["process.pid"] = pid
    if priority is not None:
        fields["log.syslog.facility"], fields["log.level"] = priority
    if message.fields is not None:
        fields.update(message.fields)
    if message.error:
        fields[PARSE_ERROR] = message.error
    known = _BY_PROGRAM.get(program)
    if known is None:
        fields.update(LINUX_SYSLOG.fields)
    else:
        read, log_source = known
        fields.update(log_source.fields)
        read(text, fields)
    return fields
