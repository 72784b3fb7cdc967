import pytest

from detections.alerting import MAX_LIST_VALUES, MAX_VALUE_CHARS, entity_of, shortened
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    ("fields", "entity"),
    [
        ({"source.ip": "203.0.113.47", "host.name": "web-1"}, "203.0.113.47 → web-1"),
        ({"source.ip": "203.0.113.47", "user.name": "bob"}, "203.0.113.47 → bob"),
        ({"host.name": "web-1", "user.name": "bob"}, "bob on web-1"),
        ({"host.name": "web-1", "user.target.name": "eve"}, "eve on web-1"),
        ({"host.name": "web-1"}, "web-1"),
        ({"user.name": "bob"}, "bob"),
        ({"source.ip": "203.0.113.47"}, "203.0.113.47"),
        ({}, ""),
    ],
)
def test_an_alert_is_named_by_who_and_where(fields: dict[str, Value], entity: str) -> None:
    assert entity_of(fields) == entity


def test_an_alert_stays_small_whatever_matched() -> None:
    found = shortened({"a": "x" * 1_000_000, "b": ["y" * 5_000] * 1_000, "c": 7, "d": [1, True]})

    assert isinstance(found["a"], str)
    assert isinstance(found["b"], list)
    assert len(found["a"]) == MAX_VALUE_CHARS
    assert len(found["b"]) == MAX_LIST_VALUES
    assert {len(str(value)) for value in found["b"]} == {MAX_VALUE_CHARS}
    assert (found["c"], found["d"]) == (7, [1, True])
