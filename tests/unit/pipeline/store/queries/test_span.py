from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import QueryInvalid
from pipeline.store.queries.span import Cursor, Span, bounded

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@given(seconds=st.floats(0, 10**9), buckets=st.integers(-5, 2000))
def test_a_step_never_gives_more_buckets_than_asked_for(seconds: float, buckets: int) -> None:
    span = Span(NOON - timedelta(seconds=seconds), NOON)

    step = span.step(buckets)

    assert span.seconds / step.total_seconds() <= max(min(buckets, 1000), 1)
    assert step.total_seconds() == int(step.total_seconds()) >= 1


@pytest.mark.parametrize(
    ("hours", "buckets", "step"), [(1, 60, 60), (24, 60, 1800), (24 * 7, 60, 10800), (1, 1, 3600)]
)
def test_a_step_is_one_that_people_can_read(hours: int, buckets: int, step: int) -> None:
    assert Span(NOON - timedelta(hours=hours), NOON).step(buckets) == timedelta(seconds=step)


@given(
    time=st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    id_=st.uuids().map(str),
)
def test_a_cursor_goes_through_a_url(time: datetime, id_: str) -> None:
    cursor = Cursor(time.replace(tzinfo=UTC), id_)

    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text", ["", "1", "x.00000000-0000-0000-0000-000000000000", "1.x", f"{10**30}.{UUID(int=1)}"]
)
def test_a_marker_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(QueryInvalid):
        Cursor.parse(text)


def test_a_span_is_in_order_and_has_a_time_zone() -> None:
    with pytest.raises(QueryInvalid):
        Span(NOON, NOON - timedelta(seconds=1))
    with pytest.raises(ValueError, match="time zone"):
        Span(datetime(2026, 1, 1), NOON)


@pytest.mark.parametrize(("limit", "found"), [(-1, 1), (0, 1), (7, 7), (11, 10)])
def test_a_limit_is_bounded(limit: int, found: int) -> None:
    assert bounded(limit, 10) == found
