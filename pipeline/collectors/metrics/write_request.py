"""Prometheus' remote-write request, version 1.0: protobuf bytes to series. Pure.

Format: "Prometheus Remote-Write 1.0 specification", §"Protobuf". ``WriteRequest`` holds
``timeseries`` (1); a ``TimeSeries`` holds ``labels`` (1: ``name`` 1, ``value`` 2), ``samples`` (2:
``value`` 1 as a double, ``timestamp`` 2 in milliseconds), ``exemplars`` (3) and native
``histograms`` (4). Other fields are skipped, as protobuf demands.

Written by hand because a series' labels come again in every request: their bytes are the key of a
cache, so that they are decoded once. Every length is checked before it is used.
"""

from collections.abc import Iterator
from struct import Struct

import msgspec

from pipeline.errors import MessageRejected

MAX_LABELS = 200

_DOUBLE = Struct("<d")
_UINT64 = 1 << 64

Labels = tuple[bytes, ...]


class WriteRequestInvalid(MessageRejected):
    """The bytes are no remote-write request, or one beyond the limits."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One value of a series.

    Attributes:
        value: May be NaN or infinite.
        timestamp_ms: Since the epoch, by the sender.
        is_stale: The value is Prometheus' staleness marker: the series has ended.
    """

    value: float
    timestamp_ms: int
    is_stale: bool = False


class Series(msgspec.Struct):
    """One time series of a request.

    Attributes:
        labels: Encoded, in the sender's order; the key of what was made of them.
        samples: In the sender's order.
        exemplars, histograms: How many there were of what we do not keep.
    """

    labels: Labels
    samples: list[Sample]
    exemplars: int = 0
    histograms: int = 0


STALE_NAN = (0x7FF0000000000002).to_bytes(8, "little")
"""Prometheus' staleness marker as it stands in a message: a NaN of its own."""


def series_of(body: bytes) -> Iterator[Series]:
    """The series of a request, one after another; their labels are still encoded.

    Raises:
        WriteRequestInvalid: The bytes from here on are no such message, or a series has too many
            labels.
    """
    position, end = 0, len(body)
    while position < end:
        tag, position = _varint(body, position, end)
        if tag == 0x0A:
            size, position = _varint(body, position, end)
            stop = _stop(position, size, end)
            yield _series(body, position, stop)
            position = stop
        else:
            position = _skipped(body, tag, position, end)


def decode_labels(labels: Labels) -> dict[str, str]:
    """Label names and values.

    Raises:
        WriteRequestInvalid: A label is malformed, not UTF-8, without a name, or there twice.
    """
    found: dict[str, str] = {}
    for label in labels:
        name, value = _label(label)
        if not name:
            raise WriteRequestInvalid("a label without a name")
        if name in found:
            raise WriteRequestInvalid(f"the label {name[:100]} is there twice")
        found[name] = value
    return found


def _series(body: bytes, position: int, end: int) -> Series:
    labels: list[bytes] = []
    series = Series((), [])
    while position < end:
        tag = body[position]
        if tag in (0x0A, 0x12, 0x1A, 0x22):
            size, position = _varint(body, position + 1, end)
            stop = _stop(position, size, end)
            if tag == 0x0A:
                labels.append(body[position:stop])
            elif tag == 0x12:
                series.samples.append(_sample(body, position, stop))
            elif tag == 0x1A:
                series.exemplars += 1
            else:
                series.histograms += 1
            position = stop
        else:
            tag, position = _varint(body, position, end)
            position = _skipped(body, tag, position, end)
    if len(labels) > MAX_LABELS:
        raise WriteRequestInvalid(f"{len(labels)} labels in a series, {MAX_LABELS} accepted")
    series.labels = tuple(labels)
    return series


def _sample(body: bytes, position: int, end: int) -> Sample:
    value, timestamp, is_stale = 0.0, 0, False
    while position < end:
        tag, position = _varint(body, position, end)
        if tag == 0x09:
            stop = _stop(position, 8, end)
            is_stale = body[position:stop] == STALE_NAN
            value = _DOUBLE.unpack_from(body, position)[0]
            position = stop
        elif tag == 0x10:
            timestamp, position = _varint(body, position, end)
            if timestamp >= _UINT64 >> 1:
                timestamp -= _UINT64
        else:
            position = _skipped(body, tag, position, end)
    return Sample(value, timestamp, is_stale)


def _label(body: bytes) -> tuple[str, str]:
    name = value = b""
    position, end = 0, len(body)
    while position < end:
        tag, position = _varint(body, position, end)
        if tag in (0x0A, 0x12):
            size, position = _varint(body, position, end)
            stop = _stop(position, size, end)
            if tag == 0x0A:
                name = body[position:stop]
            else:
                value = body[position:stop]
            position = stop
        else:
            position = _skipped(body, tag, position, end)
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError as error:
        raise WriteRequestInvalid(f"a label is not UTF-8: {error.reason}") from error


def _varint(body: bytes, position: int, end: int) -> tuple[int, int]:
    """A base-128 varint of at most ten bytes, and the position after it."""
    if position < end and body[position] < 0x80:
        return body[position], position + 1
    value = shift = 0
    for at in range(position, min(position + 10, end)):
        byte = body[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value % _UINT64, at + 1
        shift += 7
    raise WriteRequestInvalid(f"no varint at byte {position}")


def _stop(position: int, size: int, end: int) -> int:
    """Where a field of that size ends."""
    if size > end - position:
        raise WriteRequestInvalid(
            f"{size} bytes announced at byte {position}, {end - position} left"
        )
    return position + size


def _skipped(body: bytes, tag: int, position: int, end: int) -> int:
    """The position after a field that nobody asked for."""
    if tag < 8:
        raise WriteRequestInvalid(f"field number 0 at byte {position}")
    match tag & 7:
        case 0:
            return _varint(body, position, end)[1]
        case 1:
            return _stop(position, 8, end)
        case 2:
            size, position = _varint(body, position, end)
            return _stop(position, size, end)
        case 5:
            return _stop(position, 4, end)
    raise WriteRequestInvalid(f"wire type {tag & 7} at byte {position}")
