"""RFC 5424: header, structured data, text, and headers that are broken."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.parsing.rfc5424 import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_reads_the_example_of_the_specification() -> None:
    found = parse(
        "1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 "
        '[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] '
        "\ufeffAn application event log entry...",
        NOON,
    )

    assert found.time == datetime(2003, 10, 11, 22, 14, 15, 3000, tzinfo=UTC)
    assert (found.hostname, found.program, found.process_id) == (
        "mymachine.example.com",
        "evntslog",
        "",
    )
    assert found.text == "An application event log entry..."
    assert found.fields == {
        "sd.exampleSDID@32473.iut": "3",
        "sd.exampleSDID@32473.eventSource": "Application",
        "sd.exampleSDID@32473.eventID": "1011",
        "msgid": "ID47",
    }


def test_nil_values_are_absent() -> None:
    found = parse("1 - - - - - -", NOON)

    assert found.time is None
    assert (found.hostname, found.program, found.process_id, found.text) == ("", "", "", "")
    assert found.fields is None
    assert found.error == ""


def test_keeps_the_zone_and_the_spaces_of_the_text() -> None:
    found = parse("1 2026-03-01T13:00:00+01:00 web1 sudo 7 - -      bob : hello ", NOON)

    assert found.time == datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    assert found.text == "     bob : hello "


def test_undoes_escapes_and_lists_repeated_parameters() -> None:
    found = parse(r'1 - h p - - [a x="1" x="2" y="\"\\\]\n"][b z=""] t', NOON)

    assert found.fields == {"sd.a.x": ["1", "2"], "sd.a.y": '"\\]\\n', "sd.b.z": ""}
    assert found.text == "t"


def test_forgives_a_bracket_that_should_have_been_escaped() -> None:
    found = parse('1 - h p - - [a x="[preauth]"] t', NOON)

    assert (found.fields, found.text) == ({"sd.a.x": "[preauth]"}, "t")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("1 foo", "2 of 7"),
        ("1 yesterday h p - - - t", "timestamp"),
        ("1 20260301 h p - - - t", "timestamp"),
        ("1 2026-13-01T00:00:00Z h p - - - t", "timestamp"),
        ('1 - h p - - [a x="1 t', "structured data"),
        ("1 - h p - - text", "structured data"),
    ],
)
def test_names_what_is_wrong_and_keeps_all_of_it(header: str, reason: str) -> None:
    found = parse(header, NOON)

    assert reason in found.error
    assert found.text == header
