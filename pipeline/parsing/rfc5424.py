r"""The modern syslog message (RFC 5424, §6), structured data included.

>>> from datetime import UTC, datetime
>>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
>>> found = parse('1 2026-03-01T11:59:58Z web1 sshd 4242 - [a@1 b="c"] hello', noon)
>>> found.hostname, found.program, found.process_id, found.text, found.fields
('web1', 'sshd', '4242', 'hello', {'sd.a@1.b': 'c'})
"""

import re
from datetime import datetime

from pipeline.parsing.syslog_message import SyslogMessage
from pipeline.parsing.timestamp import from_iso
from pipeline.schema.event import Value

# One SD-ELEMENT (§6.3): its id, then parameters whose values escape '"', '\' and ']'; an
# unescaped ']' inside quotes is forgiven. Possessive, so that nothing is tried twice.
_NAME = r'[^\s="\]]{1,255}+'
_VALUE = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_ELEMENT = re.compile(rf"\[({_NAME})((?: ++{_NAME}={_VALUE})*+) *+\]", re.S)
_PARAMETER = re.compile(rf" ++({_NAME})=({_VALUE})", re.S)
_ESCAPED = re.compile(r'\\(["\\\]])')
_SD_PREFIX = "sd."


def parse(text: str, received: datetime) -> SyslogMessage:
    """Read a message from its VERSION on, the PRI cut off.

    ``-`` (NILVALUE) becomes an empty part, a byte order mark before the text is dropped.
    A header that cannot be read gives an ``error`` and the whole as text.
    """
    parts = text.split(" ", 6)
    if len(parts) < 7:
        return SyslogMessage(text=text, error=f"RFC 5424 header has {len(parts)} of 7 parts")
    _, stamp, hostname, program, process_id, message_id, rest = parts
    time = None
    if stamp != "-":
        time = from_iso(stamp, received) if len(stamp) >= 19 else None
        if time is None:
            return SyslogMessage(text=text, error="RFC 5424 timestamp cannot be read")
    fields: dict[str, Value] | None = None
    if rest[:1] == "-":
        rest = rest[2:] if rest[1:2] == " " else rest[1:]
    elif rest[:1] == "[":
        fields, end = _structured_data(rest)
        if end == 0:
            return SyslogMessage(text=text, error="RFC 5424 structured data cannot be read")
        rest = rest[end + 1 :] if rest[end : end + 1] == " " else rest[end:]
    else:
        return SyslogMessage(text=text, error="RFC 5424 structured data is missing")
    if message_id != "-":
        fields = fields or {}
        fields["msgid"] = message_id
    return SyslogMessage(
        time,
        "" if hostname == "-" else hostname,
        "" if program == "-" else program,
        "" if process_id == "-" else process_id,
        rest.removeprefix("\ufeff"),
        "",
        fields,
    )


def _structured_data(text: str) -> tuple[dict[str, Value] | None, int]:
    """The parameters under ``sd.<id>.<name>`` and where the data ends; 0 if it is broken."""
    fields: dict[str, Value] = {}
    end = 0
    while text[end : end + 1] == "[":
        element = _ELEMENT.match(text, end)
        if element is None:
            return None, 0
        for name, value in _PARAMETER.findall(element[2]):
            plain = value[1:-1]
            if "\\" in plain:
                plain = _ESCAPED.sub(r"\1", plain)
            _add(fields, f"{_SD_PREFIX}{element[1]}.{name}", plain)
        end = element.end()
    return fields, end


def _add(fields: dict[str, Value], name: str, value: str) -> None:
    """A parameter may repeat (§6.3.3); then its values are a list."""
    present = fields.get(name)
    if present is None:
        fields[name] = value
    elif isinstance(present, list):
        present.append(value)
    else:
        fields[name] = [present, value]
