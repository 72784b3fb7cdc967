r"""Event and Alert to Kafka record values and back.

A value is one JSON object, so that any Kafka client can read and write our topics; the
``schema`` header carries its version. ``raw`` is text where the message was UTF-8; otherwise
``raw_base64`` holds the exact bytes. A number in ``fields`` that JSON has no word for (NaN, an
infinity) becomes the text that it is shown as, a character that UTF-8 has none for a ``?``.

>>> from datetime import datetime, timezone
>>> noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
>>> event = Event(id="018f0000-0000-7000-8000-000000000000", kind=Kind.LOG, time=noon,
...     observed_time=noon, source="syslog:10.0.0.7", fields={"program": "sshd"}, raw=b"hi")
>>> decode_event(encode_event(event)) == event
True
"""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite

import msgspec

from pipeline.errors import UndecodableRecord
from pipeline.schema.alert import Alert
from pipeline.schema.event import Event, Kind, Scalar, Value

SCHEMA_VERSION = b"1"
SCHEMA_HEADER = ("schema", SCHEMA_VERSION)


class _EventValue(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The JSON form of an Event."""

    id: str
    kind: Kind
    time: datetime
    observed_time: datetime
    source: str
    fields: Mapping[str, Scalar | list[Scalar]]
    raw: str = ""
    raw_base64: bytes = b""


_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(_EventValue)
_alert_decoder = msgspec.json.Decoder(Alert)


def encode_event(event: Event) -> bytes:
    """The record value of an event."""
    try:
        encoded = _encoded(event)
    except UnicodeEncodeError:
        return _encoded(_sayable(event))
    if b"null" in encoded and any(map(_is_wordless, event.fields.values())):
        return _encoded(_sayable(event))
    return encoded


def _encoded(event: Event) -> bytes:
    try:
        raw, raw_base64 = event.raw.decode(), b""
    except UnicodeDecodeError:
        raw, raw_base64 = "", event.raw
    return _encoder.encode(
        _EventValue(
            id=event.id,
            kind=event.kind,
            time=event.time,
            observed_time=event.observed_time,
            source=event.source,
            fields=event.fields,
            raw=raw,
            raw_base64=raw_base64,
        )
    )


def _is_wordless(value: Value) -> bool:
    """Whether JSON has no word for a number, or for one of a list."""
    if isinstance(value, list):
        return any(map(_is_wordless, value))
    return isinstance(value, float) and not isfinite(value)


def _sayable(event: Event) -> Event:
    """The event in words that JSON and UTF-8 have."""
    fields = {
        _utf8(name): [_word(one) for one in value] if isinstance(value, list) else _word(value)
        for name, value in event.fields.items()
    }
    return msgspec.structs.replace(event, source=_utf8(event.source), fields=fields)


def _word(value: Scalar) -> Scalar:
    if isinstance(value, str):
        return _utf8(value)
    return str(value) if _is_wordless(value) else value


def _utf8(text: str) -> str:
    return text.encode(errors="replace").decode()


def decode_event(value: bytes) -> Event:
    """The event in a record value.

    Raises:
        UndecodableRecord: The value is not JSON, misses a field or has one of another type,
            or a time has no time zone.
    """
    try:
        found = _event_decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise UndecodableRecord(f"not an event: {error}") from error
    if found.time.tzinfo is None or found.observed_time.tzinfo is None:
        raise UndecodableRecord("not an event: its times carry no time zone")
    return Event(
        id=found.id,
        kind=found.kind,
        time=found.time,
        observed_time=found.observed_time,
        source=found.source,
        fields=found.fields,
        raw=found.raw_base64 or found.raw.encode(),
    )


def encode_alert(alert: Alert) -> bytes:
    """The record value of an alert."""
    return _encoder.encode(alert)


def decode_alert(value: bytes) -> Alert:
    """The alert in a record value.

    Raises:
        UndecodableRecord: The value is not an alert, or a time has no time zone.
    """
    try:
        found = _alert_decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise UndecodableRecord(f"not an alert: {error}") from error
    times = (found.time, found.observed_time, *(event.time for event in found.events))
    if any(time.tzinfo is None for time in times):
        raise UndecodableRecord("not an alert: its times carry no time zone")
    return found
