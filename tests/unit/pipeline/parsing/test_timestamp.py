"""Times: what is read, in which zone and year, and what is not believed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.parsing.timestamp import believable, from_bsd, from_epoch, from_iso, zone_of
from pipeline.schema.event import Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CET = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T11:59:00Z", datetime(2026, 3, 1, 11, 59, tzinfo=UTC)),
        ("2026-03-01 11:59:00.5+01:00", datetime(2026, 3, 1, 11, 59, 0, 500_000, tzinfo=CET)),
        ("2026-03-01T11:59:00.123456789Z", datetime(2026, 3, 1, 11, 59, 0, 123_456, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_reads_iso_8601(text: str, expected: datetime | None) -> None:
    assert from_iso(text, NOON) == expected


def test_a_time_without_a_zone_is_in_the_zone_of_receipt() -> None:
    assert from_iso("2026-03-01T11:59:00", NOON.astimezone(CET)) == datetime(
        2026, 3, 1, 10, 59, tzinfo=UTC
    )


@pytest.mark.parametrize("number", [1772366341, 1772366341e3, 1772366341e6, 1772366341e9])
def test_epoch_numbers_are_told_apart_by_their_size(number: float) -> None:
    assert from_epoch(number) == datetime(2026, 3, 1, 11, 59, 1, tzinfo=UTC)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300, -1e300])
def test_numbers_that_are_no_time_are_none(number: float) -> None:
    assert from_epoch(number) is None


@pytest.mark.parametrize("stamp", ["Xyz  1 11:59:00", "Mar 32 11:59:00", "Mar  1 25:59:00", ""])
def test_a_bsd_stamp_that_is_none_is_none(stamp: str) -> None:
    assert from_bsd(stamp, NOON) is None


@pytest.mark.parametrize(
    ("name", "minutes"),
    [("UTC", 0), ("Z", 0), ("CEST", 120), ("EST", -300), ("+0530", 330), ("-03:00", -180)],
)
def test_zones_are_offsets_or_names_that_mean_one_thing(name: str, minutes: int) -> None:
    zone = zone_of(name)

    assert zone is not None
    assert zone.utcoffset(None) == timedelta(minutes=minutes)


@pytest.mark.parametrize("name", ["CST", "XYZ", "+9900", "+1", ""])
def test_other_zones_are_unknown(name: str) -> None:
    assert zone_of(name) is None


def test_what_is_believed_is_left_alone() -> None:
    fields: dict[str, Value] = {}

    assert believable(NOON - timedelta(days=29), NOON, fields) == NOON - timedelta(days=29)
    assert believable(None, NOON, fields) is None
    assert fields == {}


@pytest.mark.parametrize(
    ("time", "told"),
    [
        (NOON - timedelta(days=45), "45 days old"),
        (NOON + timedelta(days=2), "2 days ahead"),
        (datetime(1, 1, 1, tzinfo=CET), "days old"),
    ],
)
def test_what_is_not_believed_stays_readable(time: datetime, told: str) -> None:
    fields: dict[str, Value] = {}

    assert believable(time, NOON, fields) is None
    assert told in str(fields["time_error"])
    assert time.isoformat() in str(fields["time_error"])
