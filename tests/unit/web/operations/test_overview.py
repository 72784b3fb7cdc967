import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.store.queries.overview import SourceActivity, SourceVolume, Volumes
from web.operations.overview import or_none, quiet_sources

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def _heard(*, silent_for: timedelta, events: int, stretches: int) -> tuple[SourceActivity, Volumes]:
    activity = SourceActivity("syslog:a", ("log",), events, NOON - silent_for, 0.1)
    volumes = tuple(
        SourceVolume(NOON - QUARTER * (number + 1), "syslog:a", events // stretches)
        for number in range(stretches)
    )
    return activity, Volumes(QUARTER, volumes)


def _state(*, silent_for: timedelta, events: int, stretches: int) -> str:
    activity, volumes = _heard(silent_for=silent_for, events=events, stretches=stretches)
    quiet = quiet_sources([activity], volumes, NOON)
    return quiet[0].state if quiet else ""


def test_a_source_is_quiet_against_its_own_rhythm() -> None:
    chatty = {"events": 8_000, "stretches": 96}
    seldom = {"events": 96, "stretches": 96}

    assert _state(silent_for=timedelta(minutes=2), **chatty) == ""
    assert _state(silent_for=timedelta(minutes=5), **chatty) == "late"
    assert _state(silent_for=timedelta(minutes=20), **chatty) == "silent"
    assert _state(silent_for=timedelta(minutes=20), **seldom) == ""
    assert _state(silent_for=timedelta(minutes=60), **seldom) == "late"
    assert _state(silent_for=timedelta(hours=3), **seldom) == "silent"


def test_a_source_heard_a_moment_has_no_rhythm_to_break() -> None:
    assert _state(silent_for=timedelta(hours=5), events=5_000, stretches=1) == ""


def test_without_an_answer_of_the_store_nobody_is_called_silent() -> None:
    activity, _ = _heard(silent_for=timedelta(hours=5), events=9, stretches=9)

    assert quiet_sources([activity], None, NOON) == []


async def test_a_page_that_goes_at_once_has_asked_nothing() -> None:
    asked = []

    async def ask() -> None:
        asked.append(True)

    asking = asyncio.gather(or_none(ask, []), or_none(ask, []))
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not asked
