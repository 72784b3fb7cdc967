"""When things happen."""

from datetime import UTC, datetime, timedelta

from appliance.demo.company import randomness
from appliance.demo.hours import OFFICE, STEADY, moments, seconds

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)


def test_moments_are_as_many_as_asked_for_in_order_and_in_the_day() -> None:
    found = moments(randomness(1, "x"), START, END, 500, STEADY)

    assert len(found) == 500
    assert found == sorted(found)
    assert START <= found[0] <= found[-1] < END


def test_office_hours_are_busier_than_nights() -> None:
    found = moments(randomness(1, "x"), START, END, 2_000, OFFICE)

    assert sum(8 <= time.hour < 17 for time in found) > 10 * sum(time.hour < 5 for time in found)


def test_spans_lie_between_their_bounds() -> None:
    chance = randomness(1, "x")

    spans = [seconds(chance, 0.5, 2) for _ in range(200)]

    assert all(timedelta(seconds=0.5) <= span <= timedelta(seconds=2) for span in spans)
