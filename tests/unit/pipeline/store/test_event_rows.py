"""Columns of log events; tests/property/test_event_rows.py reads whole blocks back."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.schema.fields import FIELDS, LOGSOURCE_SERVICE
from pipeline.store import event_rows
from pipeline.store.event_rows import TEXT_FIELDS, scalar_text
from pipeline.store.rows import events_rows
from tests.support.stored_values import log_event

MIGRATIONS = Path(event_rows.__file__).parent / "migrations"


def columns_of_events_table() -> dict[str, str]:
    """Names and types of the columns that 0001_events.sql gives the table."""
    text = (MIGRATIONS / "0001_events.sql").read_text()
    body = text[text.index("\n(\n") : text.index("INDEX")]
    return dict(re.findall(r"^    (\w+) ([A-Z][\w(), ']*?)(?: CODEC.*| ALIAS.*)?,$", body, re.M))


def test_columns_and_field_dictionary_agree() -> None:
    table = columns_of_events_table()
    dictionary = {field.column: field.name for field in FIELDS if field.column is not None}
    own = {"id", "time", "observed_time", "source", "topic", "partition", "offset", "raw"}
    rest = {"attributes", "lists", "typed", "text"}

    assert set(table) == set(dictionary) | own | rest
    assert table["service"].startswith("Array(")
    assert {name for name, _ in TEXT_FIELDS} | {LOGSOURCE_SERVICE} == set(dictionary.values())


def test_what_is_inserted_is_what_the_table_has() -> None:
    inserted = set(events_rows([log_event(1)]).columns)

    assert inserted == set(columns_of_events_table()) - {"text"}


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (True, "true"), (False, "false"), (4625, "4625"), (0.5, "0.5"), (1e300, "1e+300")],
)
def test_a_scalar_has_one_text(value: str | int | float | bool, text: str) -> None:
    assert scalar_text(value) == text


def test_a_time_that_the_column_cannot_hold_becomes_the_nearest() -> None:
    early, late = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)

    assert event_rows.micros([early, late]) == event_rows.micros(
        [datetime(1900, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)]
    )
    assert event_rows.millis([late]) == event_rows.millis([datetime(2262, 1, 1, tzinfo=UTC)])
