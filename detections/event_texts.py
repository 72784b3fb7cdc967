"""The texts of an event in which a keyword is looked for. Pure.

Every value, and the raw message; unless that is a JSON object, whose values are the fields already
(its names and its punctuation are nobody's keyword). What Tocsin adds (``logsource.*``,
``parse_error``, ``time_error``) is no value of the event.
"""

from collections.abc import Mapping

from detections.matchers import text_of
from pipeline.schema.event import Value
from pipeline.schema.fields import PARSE_ERROR, TIME_ERROR

_LOG_SOURCE_PREFIX = "logsource."
_NOT_VALUES = frozenset({PARSE_ERROR, TIME_ERROR})


def keyword_texts(fields: Mapping[str, Value], raw: str) -> list[str]:
    """The texts, the raw message first where it counts.

    >>> keyword_texts({"logsource.product": "linux", "pid": 7}, "kernel: oops")
    ['kernel: oops', '7']
    """
    texts = [] if raw.startswith("{") or not raw else [raw]
    for name, value in fields.items():
        if name.startswith(_LOG_SOURCE_PREFIX) or name in _NOT_VALUES:
            continue
        if isinstance(value, list):
            texts.extend(map(text_of, value))
        else:
            texts.append(value if isinstance(value, str) else text_of(value))
    return texts
