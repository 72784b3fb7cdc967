"""Figures and times as people read them, at their edges."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from web.rendering import words

WINTER = datetime(2026, 1, 15, 23, 30, 5, 204_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0 k"), (999_949, "1000 k"), (1.5e9, "1.5 G")],
)
def test_large_numbers_are_three_digits_and_a_unit(number: float, text: str) -> None:
    assert words.short(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0.04, "0 s"), (9.94, "9.9 s"), (59.4, "59 s"), (60, "1 min"), (3600, "1 h"),
     (86_399, "23 h 59 min"), (86_400, "1 d"), (90_000, "1 d 1 h")],
)  # fmt: skip
def test_a_length_of_time_has_two_units_at_most(seconds: float, text: str) -> None:
    assert words.age(timedelta(seconds=seconds)) == text


def test_what_is_rare_is_counted_by_a_longer_unit() -> None:
    assert [words.rate(value) for value in (0.1, 0.0999, 1 / 60, 0.001)] == [
        "0.1/s", "6/min", "1/min", "4/h",
    ]  # fmt: skip


def test_times_are_those_of_the_reader_s_zone() -> None:
    paris = ZoneInfo("Europe/Paris")

    assert words.day(WINTER, paris) == "Fri 16 Jan 2026"
    assert words.moment(WINTER, UTC) == "15 Jan 23:30:05"
    assert words.milliseconds(WINTER, paris) == "00:30:05.204"
    assert words.zone_name(WINTER, paris) == "CET"


@pytest.mark.parametrize(("count", "text"), [(999, "999 B"), (1_000, "1.0 kB"), (2.5e12, "2.5 TB")])
def test_sizes_are_powers_of_ten(count: float, text: str) -> None:
    assert words.size(count) == text


def test_a_name_is_known_by_two_letters() -> None:
    assert [words.initials(name) for name in ("ada", "Ada Byron King", "--", "ж_b")] == [
        "A", "AB", "?", "ЖB",
    ]  # fmt: skip
