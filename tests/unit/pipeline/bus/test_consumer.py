from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.records import NOON, NOON_MS, record


def test_a_record_says_when_it_was_written() -> None:
    assert record(0, timestamp_ms=NOON_MS).written == NOON
    assert record(0, timestamp_ms=0).written == datetime(1970, 1, 1, tzinfo=UTC)
    assert record(0, timestamp_ms=-1).written is None


@given(timestamp_ms=st.integers(-(2**63), 2**63 - 1))
@example(timestamp_ms=253_402_300_800_000)
def test_any_timestamp_is_a_time_or_none(timestamp_ms: int) -> None:
    written = record(0, timestamp_ms=timestamp_ms).written

    assert written is None or abs(written.timestamp() * 1000 - timestamp_ms) < 1
