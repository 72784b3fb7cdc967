"""Whatever lies on a topic, its shelf reads it or parks it, and stops for none of it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.schema.codec import encode_alert, encode_event
from pipeline.schema.delivery import Delivery, DeliveryStatus, encode_delivery
from pipeline.schema.event import Kind
from pipeline.schema.topics import ALERTS, DELIVERIES, EVENTS_CLICK, EVENTS_LOG, EVENTS_METRIC
from pipeline.sinks.shelves import shelves
from tests.support.records import NOON, alert, event, record

DELIVERY = Delivery(
    id="d",
    alert_id="a",
    alert_topic=ALERTS,
    alert_partition=0,
    alert_offset=0,
    destination="chat",
    attempt=1,
    status=DeliveryStatus.RETRYING,
    time=NOON,
    duration_ms=1,
    next_attempt=NOON,
)
VALID: Mapping[str, bytes] = {
    EVENTS_LOG: encode_event(event(1)),
    EVENTS_METRIC: encode_event(event(1, kind=Kind.METRIC, fields={"metric.value": 1.0})),
    EVENTS_CLICK: encode_event(event(1, kind=Kind.CLICK, fields={"click.site": "shop"})),
    ALERTS: encode_alert(alert(1)),
    DELIVERIES: encode_delivery(DELIVERY),
}
others: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            "2026-11-22T12:00:00",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "not a time",
        ]
    ),
    st.text(max_size=5),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)


def paths(document: object) -> list[tuple[str | int, ...]]:
    """Where every value of a document is."""
    found: list[tuple[str | int, ...]] = []
    if isinstance(document, dict):
        for name, value in document.items():
            found += [(name,), *((name, *rest) for rest in paths(value))]
    elif isinstance(document, list):
        for at, value in enumerate(document):
            found += [(at,), *((at, *rest) for rest in paths(value))]
    return found


def changed(value: bytes, path: tuple[str | int, ...], other: object) -> bytes:
    """A document with another value at that place."""
    document = msgspec.json.decode(value)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = other
    return msgspec.json.encode(document)


@settings(max_examples=400)
@given(data=st.data(), topic=st.sampled_from(sorted(VALID)))
def test_one_strange_value_in_a_record_is_a_row_or_a_reject(
    data: st.DataObject, topic: str
) -> None:
    path = data.draw(st.sampled_from(paths(msgspec.json.decode(VALID[topic]))))
    strange = changed(VALID[topic], path, data.draw(others))
    values = [VALID[topic], strange, VALID[topic]]

    found = shelves()[topic].shelve(
        [record(at, value, topic=topic) for at, value in enumerate(values)], NOON
    )

    kept = {one.offset for one in found.records}
    rejected = {reject.record.offset for reject in found.rejects}
    assert kept | rejected == {0, 1, 2}
    assert kept & rejected == set()
    assert {0, 2} <= kept


@pytest.mark.parametrize("topic", sorted(VALID))
@pytest.mark.parametrize(
    "time", ["2026-11-22T12:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
def test_no_time_stops_a_shelf(topic: str, time: str) -> None:
    document = msgspec.json.decode(VALID[topic])
    times = [
        path for path in paths(document) if "time" in str(path[-1]) or path[-1] == "next_attempt"
    ]
    assert times

    for path in times:
        strange = record(0, changed(VALID[topic], path, time), topic=topic)
        found = shelves()[topic].shelve([strange], NOON)
        assert len(found.records) + len(found.rejects) == 1


@settings(max_examples=300)
@given(
    topic=st.sampled_from(sorted(shelves())),
    value=st.one_of(st.none(), st.binary(max_size=100)),
    key=st.one_of(st.none(), st.binary(max_size=20)),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["dropped", "reason", "origin_topic", "origin_offset", "x"]),
            st.binary(max_size=30),
        ),
        max_size=4,
    ),
    timestamp_ms=st.integers(-(2**63), 2**63 - 1),
)
@example(topic="dead-letter", value=None, key=None, headers=[("dropped", b"7")], timestamp_ms=0)
@example(
    topic="dead-letter",
    value=b"",
    key=None,
    headers=[
        ("origin_topic", b"raw.syslog"),
        ("origin_partition", b"9" * 30),
        ("origin_offset", b"9" * 30),
    ],
    timestamp_ms=0,
)
def test_any_record_is_accounted_for(
    topic: str,
    value: bytes | None,
    key: bytes | None,
    headers: list[tuple[str, bytes]],
    timestamp_ms: int,
) -> None:
    strange = record(
        0, value, topic=topic, key=key, headers=tuple(headers), timestamp_ms=timestamp_ms
    )

    found = shelves()[topic].shelve([strange], NOON)

    is_tally = any(entry.dropped for entry in found.entries)
    assert len(found.records) + len(found.rejects) + is_tally >= 1
