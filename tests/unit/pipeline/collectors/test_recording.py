"""From messages to records: identity, time, log source, and what was not understood."""

from datetime import UTC, datetime, timedelta

from pipeline.collectors.recording import Recorder
from pipeline.collectors.spill_over import SpillOver
from pipeline.metrics import COLLECTOR_UNPARSED
from pipeline.parsing.detect import Dialect
from pipeline.schema.codec import SCHEMA_HEADER, decode_event
from pipeline.schema.event import EventIds, Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def recorder() -> Recorder:
    ids = EventIds(lambda: int(NOON.timestamp() * 1e9))
    return Recorder("test", ids=ids, spill_over=SpillOver(events_per_second=100), now=lambda: NOON)


def test_a_message_keeps_its_text_its_time_and_a_new_id() -> None:
    message = b"<34>1 2026-03-01T11:59:00Z mail sshd 7 - - hello"

    (first,) = recorder().logs([message], source="syslog:10.0.0.7", dialect=Dialect.SYSLOG)

    event = decode_event(first.value or b"")
    assert (first.topic, first.key, first.headers) == (
        "events.log",
        b"syslog:10.0.0.7",
        (SCHEMA_HEADER,),
    )
    assert event.raw == message
    assert event.kind is Kind.LOG
    assert (event.time, event.observed_time) == (NOON - timedelta(minutes=1), NOON)
    assert event.id[14] == "7"


def test_without_a_time_of_its_own_a_message_has_that_of_its_transport_or_ours() -> None:
    sent = NOON - timedelta(seconds=3)
    made = recorder()

    plain = made.log("id", b"a line", NOON, "http:x", Dialect.LINE)
    carried = made.log("id", b"a line", NOON, "kafka:raw.x", Dialect.LINE, None, sent)

    assert (plain.time, carried.time) == (NOON, sent)


def test_what_the_sender_says_of_all_its_lines_wins() -> None:
    fields = {"logsource.product": "windows"}

    (made,) = recorder().logs(
        [b'{"logsource.product": "linux", "a": 1}'],
        source="http:x",
        dialect=Dialect.LINE,
        fields=fields,
    )

    assert decode_event(made.value or b"").fields["logsource.product"] == "windows"


def test_what_is_not_understood_is_an_event_and_counted() -> None:
    before = COLLECTOR_UNPARSED.labels("test")._value.get()

    (made,) = recorder().logs([b"\xff<999>"], source="syslog:x", dialect=Dialect.SYSLOG)

    event = decode_event(made.value or b"")
    assert event.raw == b"\xff<999>"
    assert "parse_error" in event.fields
    assert COLLECTOR_UNPARSED.labels("test")._value.get() == before + 1


def test_no_messages_are_no_records() -> None:
    assert recorder().logs([], source="syslog:x", dialect=Dialect.SYSLOG) == []
