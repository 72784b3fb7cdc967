"""A nested JSON object as a flat mapping of dotted names.

>>> flatten({"a": {"b": 1, "c": [{"d": 2}, {"d": 3}]}, "e": None, "f": ["x", "y"]})
{'a.b': 1, 'a.c.d': [2, 3], 'f': ['x', 'y']}
"""

import reprlib
from collections.abc import Mapping

from pipeline.schema.event import Scalar, Value

MAX_DEPTH = 32


def flatten(document: Mapping[str, object]) -> dict[str, Value]:
    """Every scalar of a JSON object under the dotted path that leads to it.

    Objects inside lists share the path of the list, so their values become one list. Null and
    empty containers are absent. Below ``MAX_DEPTH`` levels a value is kept abbreviated,
    so that a hostile document costs no more stack than an honest one; the raw text has it all.
    """
    flat: dict[str, Value] = {}
    for name, value in document.items():
        if type(value) in (str, int, float, bool):
            _add(flat, name, value)  # type: ignore[arg-type]
        elif value is not None:
            _walk(flat, name, value, MAX_DEPTH)
    return flat


def _walk(flat: dict[str, Value], path: str, value: object, depth: int) -> None:
    if isinstance(value, str | int | float | bool):
        _add(flat, path, value)
    elif value is None:
        return
    elif depth == 0:
        _add(flat, path, reprlib.repr(value))
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            _walk(flat, f"{path}.{name}", inner, depth - 1)
    elif isinstance(value, list | tuple):
        before = path in flat
        for inner in value:
            _walk(flat, path, inner, depth - 1)
        if not before and path in flat and not isinstance(flat[path], list):
            flat[path] = [flat[path]]  # type: ignore[list-item]
    else:
        _add(flat, path, str(value))


def _add(flat: dict[str, Value], path: str, value: Scalar) -> None:
    """Put a scalar under its path; a second one makes a list."""
    present = flat.get(path)
    if present is None:
        flat[path] = value
    elif isinstance(present, list):
        present.append(value)
    else:
        flat[path] = [present, value]
