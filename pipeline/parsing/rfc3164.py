r"""The BSD syslog message (RFC 3164) as devices really send it.

RFC 3164 describes what was seen, it orders nothing. Beside its own form these are read: no
hostname, no timestamp, ISO 8601 timestamps (rsyslog), a year before or after the clock, Cisco's
sequence numbers, ``*`` and ``.`` before unsynchronised clocks, zones, fractions of a second, and
a host or nothing before ``%FACILITY-SEVERITY-MNEMONIC``.

>>> from datetime import UTC, datetime
>>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
>>> found = parse("Mar  1 11:59:58 web1 sshd[4242]: hello", noon)
>>> found.hostname, found.program, found.process_id, found.text
('web1', 'sshd', '4242', 'hello')
"""

import re
from datetime import datetime

from pipeline.parsing.syslog_message import SyslogMessage
from pipeline.parsing.timestamp import MONTHS, from_bsd, from_iso, zone_of

# Every quantifier is bounded and every alternative begins differently: linear on any input.
_LOOSE_HEADER = re.compile(
    r"(?:(?P<sequence>\d{1,10}): {1,2})?"
    r"(?:(?P<host>[A-Za-z0-9][\w.:-]{0,254}): {1,2})?"
    r"[*.]?"
    r"(?:(?:(?P<year_first>\d{4}) )?"
    r"(?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?:(?P<year>\d{4}) )?"
    r"(?P<clock>\d\d:\d\d:\d\d)(?P<fraction>\.\d{1,9})?(?: (?P<year_last>\d{4})(?=[ :]))?"
    r"(?: (?P<zone>[A-Z]{3,4}|[+-]\d\d:?\d\d)(?=:))?"
    r"|(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?))"
    r" ?:? "
)
_CISCO_SEQUENCE = re.compile(r"(\d{1,10}): +(?=%)")
# What a tag or hostname never begins with, but message texts without one do.
_TEXT_STARTS = frozenset("{%[<\"'=:|*")
_LONGEST_TAG = 128


def parse(text: str, received: datetime) -> SyslogMessage:
    """Read a message, the PRI cut off. Whatever is no header is text; there is no error."""
    if text[15:16] == " " and text[12:13] == ":" and text[3:4] == " ":
        time = from_bsd(text[:15], received)
        if time is not None and not (text[16:20].isdecimal() and text[20:21] == " "):
            return _after_stamp(text[16:], time)
    if text[4:5] == "-" and text[10:11] == "T":
        stamp, _, rest = text.partition(" ")
        time = from_iso(stamp, received)
        if time is not None:
            return _after_stamp(rest, time)
    return _loose(text, received)


def _loose(text: str, received: datetime) -> SyslogMessage:
    header = _LOOSE_HEADER.match(text)
    if header is None:
        if numbered := _CISCO_SEQUENCE.match(text):
            message = SyslogMessage(text=text[numbered.end() :])
            message.fields = {"sequence": int(numbered[1])}
            return message
        return _without_stamp(text)
    time = _loose_time(header, received)
    if time is None:
        return _without_stamp(text)
    message = _after_stamp(text[header.end() :], time)
    if header["host"]:
        message.hostname = header["host"]
    if header["sequence"]:
        message.fields = {"sequence": int(header["sequence"])}
    return message


def _loose_time(header: re.Match[str], received: datetime) -> datetime | None:
    if header["iso"]:
        return from_iso(header["iso"].replace(",", "."), received)
    month = MONTHS.get(header["month"])
    if month is None:
        return None
    zone = zone_of(header["zone"] or "") or received.tzinfo
    year = header["year"] or header["year_last"] or header["year_first"]
    if year:
        stamp = f"{year}-{month:02}-{int(header['day']):02}T{header['clock']}"
        time = from_iso(f"{stamp}{header['fraction'] or ''}", received)
        return time and time.replace(tzinfo=zone)
    stamp = f"{header['month']} {header['day']:>2} {header['clock']}"
    time = from_bsd(stamp, received.astimezone(zone))
    micros = int(f"{header['fraction'] or '.0':0<7}"[1:7])
    return time and time.replace(microsecond=micros)


def _after_stamp(rest: str, time: datetime) -> SyslogMessage:
    """``HOSTNAME TAG[PID]: text``, ``TAG[PID]: text`` or only text."""
    hostname, _, content = rest.partition(" ")
    if (
        not hostname
        or hostname[-1] in ":]"
        or hostname[0] in _TEXT_STARTS
        or len(hostname) > 255
        or "=" in hostname
        or "|" in hostname
    ):
        return _tagged("", rest, time)
    if hostname == "last" and content.startswith("message repeated "):
        return SyslogMessage(time=time, text=rest)  # old syslogds send it without a hostname
    return _tagged(hostname, content, time)


def _tagged(hostname: str, content: str, time: datetime | None) -> SyslogMessage:
    tag, colon, text = content.partition(":")
    if colon and tag not in ("", "CEF", "LEEF") and tag[0] not in _TEXT_STARTS:
        if " " not in tag and "=" not in tag and len(tag) <= _LONGEST_TAG:
            program, process_id = tag, ""
            if tag[-1] == "]":
                program, _, process_id = tag[:-1].partition("[")
            elif text[1:2] == "%" and time is not None and (zone := zone_of(tag)) is not None:
                program, time = "", time.replace(tzinfo=zone)  # Cisco: "12:00:01 UTC: %SYS-…"
            return SyslogMessage(
                time, hostname, program, process_id, text[1:] if text[:1] == " " else text
            )
    elif colon and tag in ("", " "):
        content = text.removeprefix(" ")  # Cisco ASA: "host : %ASA-…"
    return SyslogMessage(time, hostname, "", "", content)


def _without_stamp(text: str) -> SyslogMessage:
    """Only a word that carries a process id shows that the word before it is a hostname."""
    hostname, _, content = text.partition(" ")
    if hostname[-1:] not in (":", "]") and hostname[:1] not in _TEXT_STARTS:
        tag = content[: _LONGEST_TAG + 2].partition(":")[0]
        if tag[-1:] == "]" and " " not in tag and "[" in tag:
            return _tagged(hostname, content, None)
    return _tagged("", text, None)
