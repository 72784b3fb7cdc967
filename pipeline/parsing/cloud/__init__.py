"""Cloud and application logs in JSON; one module per log source.

A module has ``LOG_SOURCE``, the ``NAME`` that its documents always have, ``recognises`` and
``parse``. ``RECOGNISERS`` is the table that ``pipeline.parsing.json`` walks.
"""

from collections.abc import Callable, Mapping

from pipeline.schema.event import Value

Document = Mapping[str, object]

RECOGNISERS: tuple[
    tuple[str, Callable[[Document], bool], Callable[[Document], dict[str, Value]]], ...
] = ()
