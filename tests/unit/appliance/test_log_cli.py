"""What ``tocsin groups reset`` asks for, before any cluster is asked."""

from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from appliance.log_cli import groups_app
from appliance.log_shell import ResetTo, place_named, time_named

TERMINAL = CliRunner(env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "earliest"], "either --topic, once or more, or --all-topics"),
        (["--to", "latest", "--topic", "t", "--all-topics"], "either --topic"),
        (["--topic", "t"], "either --to or --to-datetime"),
        (["--topic", "t", "--to", "0", "--to-datetime", "2026-03-01"], "either --to or"),
        (["--topic", "t", "--to", "middle"], "'middle' is not earliest, latest or an offset"),
        (["--topic", "t", "--to", "-1"], "'-1' is not"),
        (["--all-topics", "--to-datetime", "noon"], "'noon' is no time such as 2026-03-01T12:00"),
    ],
)
def test_what_cannot_be_meant_is_said(arguments: list[str], said: str) -> None:
    result = TERMINAL.invoke(groups_app, ["reset", "readers", *arguments])

    assert isinstance(result.exception, SystemExit | typer.Exit)
    assert result.exit_code == 2
    assert said in result.output


def test_places_are_the_ends_or_an_offset() -> None:
    assert [place_named(text) for text in ("earliest", "latest", "42")] == [
        ResetTo.EARLIEST,
        ResetTo.LATEST,
        42,
    ]
    with pytest.raises(ValueError, match="²"):
        place_named("²")


def test_a_time_without_a_zone_is_in_utc() -> None:
    time = datetime(2026, 3, 1, 12, tzinfo=UTC)

    assert time_named("2026-03-01T12:00") == time_named("2026-03-01T13:00:00+01:00") == time
    assert time_named("2026-03-01T12:00:00.250Z") - time == timedelta(milliseconds=250)
