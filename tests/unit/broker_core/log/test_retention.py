"""Which whole segments may go."""

from hypothesis import given
from hypothesis import strategies as st

from broker_core.log.retention import SealedSegment, decide
from broker_core.log.topic_config import LogConfig

NOW_MS = 10_000


def config(*, age_ms: int = -1, size_bytes: int = -1, deletes: bool = True) -> LogConfig:
    return LogConfig(
        segment_bytes=100,
        segment_ms=100,
        retention_ms=age_ms,
        retention_bytes=size_bytes,
        max_message_bytes=100,
        is_deleted_by_retention=deletes,
    )


def sealed(*newest_ms: int) -> list[SealedSegment]:
    return [
        SealedSegment((number + 1) * 10, 100, newest) for number, newest in enumerate(newest_ms)
    ]


def start(segments: list[SealedSegment], applied: LogConfig, active_bytes: int = 50) -> int | None:
    return decide(
        segments, active_bytes=active_bytes, config=applied, now_ms=NOW_MS
    ).log_start_offset


def test_without_limits_nothing_goes() -> None:
    assert start(sealed(0, 1, 2), config()) is None


def test_segments_older_than_the_age_go() -> None:
    assert start(sealed(100, 8999, 9000, 9001), config(age_ms=1000)) == 20


def test_a_young_segment_keeps_the_old_ones_after_it() -> None:
    assert start(sealed(100, 9500, 100), config(age_ms=1000)) == 10


def test_the_oldest_go_until_the_size_fits() -> None:
    assert start(sealed(1, 2, 3), config(size_bytes=250)) == 10
    assert start(sealed(1, 2, 3), config(size_bytes=350)) is None


def test_the_active_segment_counts_but_never_goes() -> None:
    assert start(sealed(1, 2), config(size_bytes=10), active_bytes=1000) == 20


def test_a_topic_that_is_only_compacted_loses_nothing() -> None:
    assert start(sealed(1, 2), config(age_ms=1, size_bytes=1, deletes=False)) is None


@given(
    times=st.lists(st.integers(0, NOW_MS), max_size=8),
    age_ms=st.integers(-1, NOW_MS),
    size_bytes=st.integers(-1, 1000),
)
def test_what_goes_had_to_go_and_what_stays_may_stay(
    times: list[int], age_ms: int, size_bytes: int
) -> None:
    segments = sealed(*times)
    removal = decide(
        segments,
        active_bytes=50,
        config=config(age_ms=age_ms, size_bytes=size_bytes),
        now_ms=NOW_MS,
    )

    removed = removal.by_age + removal.by_size
    rest_bytes = 50 + 100 * (len(segments) - removed)
    if size_bytes >= 0:
        assert rest_bytes <= size_bytes or removed == len(segments)
        if removal.by_size:
            assert rest_bytes + 100 > size_bytes
    else:
        assert removal.by_size == 0
    if age_ms >= 0:
        assert all(NOW_MS - one.newest_ms > age_ms for one in segments[: removal.by_age])
    assert removal.log_start_offset == (segments[removed - 1].next_offset if removed else None)
