"""DemoMessage: one thing that a device of the demo's company sends, and by which road."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Transport(StrEnum):
    """The collector that a message goes to."""

    SYSLOG_TCP = "syslog_tcp"
    SYSLOG_UDP = "syslog_udp"
    NDJSON = "ndjson"
    REMOTE_WRITE = "remote_write"
    CLICK = "click"


@dataclass(frozen=True, slots=True)
class DemoMessage:
    """What is sent, not yet framed.

    Attributes:
        time: When it happened, in UTC; the payload says the same.
        transport: How it is sent.
        sender: The machine that sends it; each has a connection of its own.
        payload: A syslog message; a JSON object; an encoded TimeSeries field of a remote-write
            request; a click as one JSON object of a Segment batch.
    """

    time: datetime
    transport: Transport
    sender: str
    payload: bytes
