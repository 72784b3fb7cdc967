"""Columns of log events; tests/property/test_event_rows.py has the general case."""

from math import isinf

import pytest
from msgspec import structs

from pipeline.schema.event import Event, Value
from pipeline.schema.fields import LOGSOURCE_SERVICE
from pipeline.store.event_columns import EventColumns
from pipeline.store.rows import events_rows
from tests.support.native_block import read_events
from tests.support.stored_values import log_event


@pytest.mark.parametrize(
    "fields",
    [
        {"user.name": "root", "pid": "7"},
        {"user.name": "", "pid": "7"},
        {"user.name": 7, "pid": "7"},
        {"user.name": ["root", "admin"]},
        {"EventID": 4625, "elevated": True},
        {"EventID": [1, "x"]},
        {LOGSOURCE_SERVICE: ["sshd", "auth"], "pid": "7"},
        {LOGSOURCE_SERVICE: []},
        {LOGSOURCE_SERVICE: [7]},
        {LOGSOURCE_SERVICE: "sshd"},
        {"load": float("inf"), "pid": "7"},
    ],
)
def test_an_event_comes_back_alone_and_among_many_alike(fields: dict[str, Value]) -> None:
    events = [log_event(number, fields) for number in range(20)]

    [(alone, _)] = read_events(events_rows(events[:1]).body)
    together = read_events(events_rows(events).body)

    assert alone == expected(events[0][0])
    assert [event for event, _ in together] == [expected(event) for event, _ in events]


def test_odd_events_among_many_alike_cost_the_others_nothing() -> None:
    fields: list[dict[str, Value]] = [{"user.name": "root", "pid": number} for number in range(20)]
    fields[3] = {"user.name": ["root", "admin"], "pid": 3}
    fields[7] = {"user.name": "", "pid": 7}
    fields[9] = {"user.name": "root", "pid": True}
    events = [log_event(number, found) for number, found in enumerate(fields)]

    found = {at: event for event, at in read_events(events_rows(events).body)}

    assert found == {at.offset: event for event, at in events}


def test_a_whole_number_of_any_size_comes_back() -> None:
    events = [log_event(number, {"50%": 10 ** (30 + number)}) for number in range(20)]

    found = read_events(events_rows(events).body)

    assert [event for event, _ in found] == [event for event, _ in events]


def test_a_block_without_events_has_no_rows() -> None:
    assert EventColumns().rows().count == 0


def expected(event: Event) -> Event:
    """What comes back: an infinite number as the text that it is shown as."""
    fields = {
        name: str(value) if isinstance(value, float) and isinf(value) else value
        for name, value in event.fields.items()
    }
    return structs.replace(event, fields=fields)
