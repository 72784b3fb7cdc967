import pytest

from detections.event_texts import keyword_names, keyword_texts
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    ("fields", "raw", "texts"),
    [
        ({"a": "x", "b": 1}, "", ["x", "1"]),
        ({"a": ["x", True, 1.0], "b": 0.5}, "", ["x", "true", "1", "0.5"]),
        ({"a": False}, "text", ["false", "text"]),
        ({"a": "x"}, '{"a": "x"}', ["x"]),
        ({}, "", []),
    ],
)
def test_every_value_and_the_raw_text_count(
    fields: dict[str, Value], raw: str, texts: list[str]
) -> None:
    assert keyword_texts(fields, raw) == texts


def test_what_we_add_ourselves_does_not() -> None:
    names = ["logsource.product", "parse_error", "time_error", "message"]

    assert keyword_names(names) == ["message"]
