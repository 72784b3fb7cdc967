"""SyslogMessage: what a syslog header says, whichever of the two forms it came in.

Facility and severity keywords are those of RFC 5424, §6.2.1.
"""

from datetime import datetime

import msgspec

from pipeline.schema.event import Value

FACILITIES = [
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]
SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]

# PRI as it is written, 0 to 191, to what it says: one look-up instead of arithmetic and checks.
PRIORITIES = {
    str(number): (FACILITIES[number >> 3], SEVERITIES[number & 7]) for number in range(192)
}


class SyslogMessage(msgspec.Struct):
    """A syslog message without its PRI; a part that the sender left out is empty.

    Attributes:
        time: The sender's, None where there was none that could be read.
        hostname: Name or address of the machine, as it calls itself.
        program: APP-NAME of RFC 5424, the TAG of RFC 3164.
        process_id: PROCID of RFC 5424, the number in brackets after the TAG.
        text: The message proper, exactly as sent apart from one separating space.
        error: Why the header could not be read; the text then holds all of it.
        fields: MSGID and structured data (RFC 5424), sequence numbers (Cisco).
    """

    time: datetime | None = None
    hostname: str = ""
    program: str = ""
    process_id: str = ""
    text: str = ""
    error: str = ""
    fields: dict[str, Value] | None = None
