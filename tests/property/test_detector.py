"""Whatever an event holds, the shipped rules evaluate it and its alerts can be written."""

from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from detections.detector import Detected, Detector
from detections.hit_records import decode, hit_records
from detections.rule_set import SHIPPED_RULES, load
from detections.settings import DetectionSettings
from pipeline.schema.alert import EventPosition
from pipeline.schema.codec import decode_alert, decode_event, encode_alert, encode_event
from pipeline.schema.event import Event, Kind, Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
# What the shipped rules ask for, so that arbitrary values reach the inside of their conditions.
NAMES = (
    "logsource.product",
    "logsource.category",
    "logsource.service",
    "event.action",
    "event.outcome",
    "user.name",
    "source.ip",
    "message",
    "EventID",
    "Channel",
    "CommandLine",
    "cs-uri-query",
    "sc-status",
    "host.name",
)
WORDS = (
    "linux",
    "windows",
    "sshd",
    "auth",
    "security",
    "process_creation",
    "webserver",
    "ssh_login",
    "failure",
    "success",
    "root",
    "10.0.0.7",
    "::",
    "1102",
    "Security",
    "",
    "*",
    "a\0b",
)
scalars = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=10),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
fields = st.dictionaries(
    st.sampled_from(NAMES), st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=8
)
zones = st.sampled_from([UTC, timezone(timedelta(hours=23)), timezone(timedelta(hours=-23))])
times = st.one_of(
    st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 2)), st.datetimes(), st.just(datetime.min)
)


@cache
def detector() -> Detector:
    found = load([SHIPPED_RULES])
    return Detector(found, DetectionSettings())


@settings(max_examples=400)
@given(found=fields, time=times, zone=zones, raw=st.binary(max_size=20))
@example(found={}, time=datetime.max, zone=timezone(timedelta(hours=-23)), raw=b"")
@example(
    found={"logsource.product": "windows", "logsource.service": "security", "EventID": 1102},
    time=datetime.min,
    zone=timezone(timedelta(hours=23)),
    raw=b"",
)
def test_no_event_stops_the_detector(
    found: dict[str, Value], time: datetime, zone: timezone, raw: bytes
) -> None:
    event = Event(
        id=str(UUID(int=1)),
        kind=Kind.LOG,
        time=time.replace(tzinfo=zone),
        observed_time=NOON,
        source="test",
        fields=found,
        raw=raw,
    )
    read = decode_event(encode_event(event))
    position = EventPosition(id=read.id, topic="events.log", partition=0, offset=0, time=read.time)

    detected = Detected()
    detector().detect(read, position, detected, observed_time=NOON, disabled=frozenset())

    for alert in detected.alerts:
        assert decode_alert(encode_alert(alert)).id == alert.id
    for hit, record in zip(detected.hits, hit_records(detected.hits), strict=True):
        assert decode(record.value or b"") == hit
