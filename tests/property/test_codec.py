"""Whatever fields an event has, it comes back from its record and from its row."""

from contextlib import suppress
from datetime import UTC, datetime
from math import isfinite
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.errors import UndecodableRecord
from pipeline.schema.codec import decode_event, encode_event
from pipeline.schema.event import Event, Kind, Scalar, Value
from pipeline.schema.fields import LOGSOURCE_SERVICE
from pipeline.store.event_rows import TEXT_FIELDS
from pipeline.store.rows import events_rows
from tests.support.native_block import read_events
from tests.support.store import At

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
texts = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Lu"]), max_size=5),  # half a surrogate pair
    st.sampled_from(["null", "50%", "%d", ""]),
)
scalars = st.one_of(texts, st.integers(), st.floats(), st.booleans())
names = st.one_of(
    st.sampled_from([name for name, _ in TEXT_FIELDS]), st.just(LOGSOURCE_SERVICE), texts
)
fields = st.dictionaries(names, st.one_of(scalars, st.lists(scalars, max_size=3)), max_size=5)


def event(fields: dict[str, Value], *, source: str = "http:a", raw: bytes = b"") -> Event:
    return Event(
        id=str(UUID(int=1)),
        kind=Kind.LOG,
        time=NOON,
        observed_time=NOON,
        source=source,
        fields=fields,
        raw=raw,
    )


def said(value: Scalar) -> Scalar:
    """A value as it comes back: in UTF-8, and as text where JSON has no word for it."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def expected(given: Event) -> Event:
    found = {
        str(said(name)): [said(one) for one in value] if isinstance(value, list) else said(value)
        for name, value in given.fields.items()
    }
    return event(found, source=str(said(given.source)), raw=given.raw)


@settings(max_examples=300)
@given(found=st.builds(event, fields, source=texts, raw=st.binary(max_size=40)))
@example(found=event({"load": float("nan"), "loads": [1.0, float("-inf")], "text": "null"}))
@example(found=event({"huge": 10**400}))
@example(found=event({"message": "half a pair: \ud83d"}, source="http:\ud83d"))
def test_an_event_comes_back_from_its_record(found: Event) -> None:
    assert decode_event(encode_event(found)) == expected(found)


@settings(max_examples=150)
@given(found=st.lists(fields, min_size=1, max_size=12), copies=st.integers(1, 10))
def test_what_came_back_from_its_record_comes_back_from_its_row(
    found: list[dict[str, Value]], copies: int
) -> None:
    events = [decode_event(encode_event(event(one))) for one in found * copies]

    rows = events_rows([(one, At("events.log", 0, at)) for at, one in enumerate(events)])

    assert {at: one for one, at in read_events(rows.body)} == dict(enumerate(events))


@settings(max_examples=300)
@given(value=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@example(value=b'{"id":"","kind":"log","time":"2026-03-01T12:00:00","observed_time":"x"}')
@example(value=b"[" * 100_000)
@example(value=b"null")
def test_any_bytes_are_an_event_or_a_named_refusal(value: bytes) -> None:
    with suppress(UndecodableRecord):
        assert decode_event(value).time.tzinfo is not None
