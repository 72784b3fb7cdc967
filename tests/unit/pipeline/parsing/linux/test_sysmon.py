"""Sysmon for Linux: XML without an XML parser."""

import pytest

from pipeline.parsing.linux.sysmon import parse
from pipeline.schema.event import Value


def event(event_id: int, data: str) -> str:
    return (
        f'<Event><System><Provider Name="Linux-Sysmon" Guid="{{x}}"/><EventID>{event_id}</EventID>'
        f"<Computer>web1</Computer></System><EventData>{data}</EventData></Event>"
    )


@pytest.mark.parametrize(
    ("event_id", "category"),
    [(1, "process_creation"), (3, "network_connection"), (11, "file_event"), (23, "file_delete")],
)
def test_the_event_id_decides_the_category(event_id: int, category: str) -> None:
    fields: dict[str, Value] = {}

    parse(event(event_id, ""), fields)

    assert fields["logsource.category"] == category
    assert fields["EventID"] == event_id


def test_data_keeps_its_names_and_loses_its_escapes() -> None:
    fields: dict[str, Value] = {}

    parse(event(1, '<Data Name="CommandLine">a &amp;&amp; b &lt;c&gt;</Data>'), fields)

    assert fields["CommandLine"] == fields["process.command_line"] == "a && b <c>"


def test_what_is_no_event_adds_nothing() -> None:
    fields: dict[str, Value] = {}

    parse("Sysmon v1.3 started", fields)

    assert fields == {}
