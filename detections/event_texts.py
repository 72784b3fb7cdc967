"""The texts of an event in which a keyword is looked for. Pure.

Every value, and the raw message; unless that is a JSON object, whose values are the fields already
(its names and its punctuation are nobody's keyword). What Tocsin adds (``logsource.*``,
``parse_error``, ``time_error``) is no value of the event.
"""

from collections.abc import Iterable, Mapping, Sequence

from detections.matchers import text_of
from pipeline.schema.event import Value
from pipeline.schema.fields import PARSE_ERROR, TIME_ERROR

_LOG_SOURCE_PREFIX = "logsource."
_NOT_VALUES = frozenset({PARSE_ERROR, TIME_ERROR})
# Types whose ``str`` is the text that they compare by.
_PLAIN = frozenset({str, int})


def keyword_texts(fields: Mapping[str, Value], raw: str) -> list[str]:
    """The texts of an event, its raw message last where that counts.

    >>> keyword_texts({"logsource.product": "linux", "pid": 7}, "kernel: oops")
    ['7', 'kernel: oops']
    """
    return texts_of([fields[name] for name in keyword_names(fields)], raw)


def keyword_names(names: Iterable[str]) -> list[str]:
    """Those of an event's field names whose values keywords are looked for in."""
    return [
        name
        for name in names
        if not name.startswith(_LOG_SOURCE_PREFIX) and name not in _NOT_VALUES
    ]


def texts_of(values: Sequence[Value], raw: str) -> list[str]:
    """The texts of values, and the raw message unless it is a JSON object."""
    if _PLAIN.issuperset(map(type, values)):
        texts = list(map(str, values))
    else:
        texts = []
        for value in values:
            if isinstance(value, list):
                texts.extend(map(text_of, value))
            else:
                texts.append(text_of(value))
    if raw and not raw.startswith("{"):
        texts.append(raw)
    return texts
