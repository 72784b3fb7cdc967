"""From a syslog message to fields: which parser reads which program's messages.

One dict look-up by program name decides; only messages of programs that have no parser are
looked at for a format of their own (key=value firewalls, Cisco, audit records).
"""

from collections.abc import Callable
from datetime import datetime

from pipeline.parsing.linux import (
    accounts,
    auditd,
    clamav,
    cron,
    services,
    sshd,
    su,
    sudo,
    sysmon,
)
from pipeline.parsing.log_source import LogSource
from pipeline.parsing.network import bind, cisco, dnsmasq, fortigate, netfilter
from pipeline.parsing.syslog_message import SyslogMessage
from pipeline.parsing.web import access, squid
from pipeline.schema.event import Value
from pipeline.schema.fields import MESSAGE, PARSE_ERROR, with_ecs

# Reads a program's text into fields.
Reader = Callable[[str, dict[str, Value]], None]
# The same for formats that carry a time of their own, which is returned.
TimedReader = Callable[[str, dict[str, Value], datetime], datetime | None]

LINUX_SYSLOG = LogSource(product="linux", services=("syslog",))

_BY_PROGRAM: dict[str, tuple[Reader | None, dict[str, Value]]] = {
    program: (module.parse, module.LOG_SOURCE.fields)
    for module in (
        accounts,
        bind,
        clamav,
        cron,
        dnsmasq,
        netfilter,
        services,
        sshd,
        su,
        sudo,
        sysmon,
    )
    for program in module.PROGRAMS
} | {program: (None, source.fields) for program, source in services.BY_PROGRAM.items()}

# Formats that a text shows by how it begins: what recognises them, what reads them.
_FORMATS: tuple[tuple[Callable[[str], bool], TimedReader, LogSource], ...] = (
    (auditd.recognises, auditd.parse, auditd.LOG_SOURCE),
    (fortigate.recognises, fortigate.parse, fortigate.LOG_SOURCE),
    (squid.recognises, squid.parse, squid.LOG_SOURCE),
    (access.recognises, access.parse, access.LOG_SOURCE),
)


def read(
    message: SyslogMessage, priority: tuple[str, str] | None, received: datetime
) -> tuple[datetime | None, dict[str, Value]]:
    """The time and the fields of a syslog message.

    Args:
        message: What its header said.
        priority: Facility and severity; None if it came without a PRI.
        received: Our time of receipt.
    """
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
        return _read_unknown(message, fields, received), fields
    reader, log_source = known
    fields.update(log_source)
    if reader is not None:
        reader(text, fields)
    return message.time, fields


def read_format(text: str, fields: dict[str, Value], received: datetime) -> datetime | None:
    """Read a text whose format shows by itself; leaves ``fields`` alone if none does.

    Returns:
        The time in the text, None if it has none.
    """
    if cisco.recognises(text):
        fields.update(cisco.LOG_SOURCE.fields)
        cisco.parse(text, fields)
        return None
    for recognises, reader, log_source in _FORMATS:
        if recognises(text):
            fields.update(log_source.fields)
            return reader(text, fields, received)
    return None


def _read_unknown(
    message: SyslogMessage, fields: dict[str, Value], received: datetime
) -> datetime | None:
    before = len(fields)
    time = read_format(message.text, fields, received)
    if len(fields) == before:
        source = access.PROGRAMS.get(message.program, LINUX_SYSLOG)
        fields.update(source.fields)
    else:
        with_ecs(fields)
    return time or message.time
