from datetime import UTC, datetime, timedelta

from pipeline.store.queries.series import Point, rates

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def points(*values: float, step: int = 60) -> list[Point]:
    return [Point(NOON + timedelta(seconds=step * at), value) for at, value in enumerate(values)]


def test_a_rate_is_the_increase_per_second() -> None:
    assert [point.value for point in rates(points(0, 60, 60, 180))] == [1.0, 0.0, 2.0]


def test_a_counter_that_fell_began_again_at_zero() -> None:
    assert [point.value for point in rates(points(100, 30))] == [0.5]


def test_less_than_two_points_have_no_rate() -> None:
    assert rates([]) == []
    assert rates(points(1)) == []
