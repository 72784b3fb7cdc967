"""The systemd journal's JSON export (``journalctl -o json``): syslog with its parts named.

Format: systemd.journal-fields(7).
"""

from collections.abc import Mapping
from datetime import datetime

from pipeline.parsing.syslog_message import FACILITIES, SEVERITIES, SyslogMessage
from pipeline.parsing.timestamp import from_epoch
from pipeline.schema.event import Value

_PREFIX = "journald."
_LONGEST = 20


def recognises(document: Mapping[str, object]) -> bool:
    """Whether a document is a journal entry with a text."""
    return "__REALTIME_TIMESTAMP" in document and isinstance(document.get("MESSAGE"), str)


def parse(document: Mapping[str, object]) -> SyslogMessage:
    """The entry as the syslog message it is; names of the journal's own under ``journald.``."""
    fields: dict[str, Value] = {}
    facility, severity = _text(document, "SYSLOG_FACILITY"), _text(document, "PRIORITY")
    if facility.isdecimal() and int(facility[:_LONGEST]) < len(FACILITIES):
        fields["log.syslog.facility"] = FACILITIES[int(facility)]
    if severity.isdecimal() and int(severity[:_LONGEST]) < len(SEVERITIES):
        fields["log.level"] = SEVERITIES[int(severity)]
    for name in ("_SYSTEMD_UNIT", "_EXE", "_CMDLINE", "_UID", "_TRANSPORT", "_MACHINE_ID"):
        if value := _text(document, name):
            fields[_PREFIX + name.lower().lstrip("_")] = value
    return SyslogMessage(
        time=_time(document),
        hostname=_text(document, "_HOSTNAME"),
        program=_text(document, "SYSLOG_IDENTIFIER") or _text(document, "_COMM"),
        process_id=_text(document, "SYSLOG_PID") or _text(document, "_PID"),
        text=_text(document, "MESSAGE"),
        fields=fields,
    )


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _time(document: Mapping[str, object]) -> datetime | None:
    for name in ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"):
        stamp = _text(document, name)
        if stamp.isdecimal() and len(stamp) <= _LONGEST:
            return from_epoch(int(stamp))
    return None
