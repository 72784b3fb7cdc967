from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.settings import WebhookSettings
from pipeline.sinks.retrying import LONGEST_RETRY_AFTER, read_retry_after, retry_delay

SETTINGS = WebhookSettings(
    attempts=5, first_delay=timedelta(seconds=1), longest_delay=timedelta(seconds=6)
)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def delay(attempt: int, *, dice: float = 1.0, retry_after: float | None = None) -> float | None:
    asked = None if retry_after is None else timedelta(seconds=retry_after)
    found = retry_delay(attempt, settings=SETTINGS, retry_after=asked, dice=dice)
    return None if found is None else found.total_seconds()


def test_delays_double_up_to_the_longest_and_end_with_the_attempts() -> None:
    assert [delay(attempt) for attempt in range(1, 7)] == [1, 2, 4, 6, None, None]


@given(attempt=st.integers(1, 4), dice=st.floats(0, 1))
def test_jitter_takes_up_to_half_away(attempt: int, dice: float) -> None:
    whole, found = delay(attempt), delay(attempt, dice=dice)

    assert whole is not None
    assert found is not None
    assert whole / 2 <= found <= whole


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert delay(1, retry_after=30) == 30
    assert delay(4, retry_after=1) == 6
    assert delay(1, retry_after=10**9) == LONGEST_RETRY_AFTER.total_seconds()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 12:00:30", 30),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float) -> None:
    assert read_retry_after(value, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "soon", "-5", "²", "1e9", "Sun, 99 Nov 2026 12:00:30 GMT"])
def test_anything_else_asks_for_nothing(value: str) -> None:
    assert read_retry_after(value, NOW) is None


@given(st.text())
def test_no_header_makes_it_fail(value: str) -> None:
    read_retry_after(value, NOW)
