"""Metric samples, each as one TimeSeries of a Prometheus remote-write 1.0 request.

A request's body is nothing but such fields one after the other, so the sender only joins them.
Format: prometheus/prompb/types.proto; protobuf encoding guide, "Message structure".
"""

import struct
from collections.abc import Mapping
from datetime import datetime

from appliance.demo.message import DemoMessage, Transport


def sample(
    time: datetime, machine: str, name: str, value: float, labels: Mapping[str, str]
) -> DemoMessage:
    """One sample of the series with this name and these labels."""
    pairs = {"__name__": name, **labels}
    series = b"".join(
        _field(1, _field(1, label.encode()) + _field(2, text.encode()))
        for label, text in sorted(pairs.items())
    )
    milliseconds = int(time.timestamp() * 1000)
    series += _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(milliseconds))
    return DemoMessage(time, Transport.REMOTE_WRITE, machine, _field(1, series))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
