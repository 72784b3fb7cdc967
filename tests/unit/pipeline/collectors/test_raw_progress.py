"""What is committed beside a raw offset, and what is understood of it."""

import pytest

from pipeline.collectors.raw_progress import (
    RawProgress,
    origin,
    origin_offset,
    target_partition,
)


def test_what_is_committed_is_read_back() -> None:
    progress = RawProgress(target=5, after=123_456_789)

    assert RawProgress.read(progress.text()) == progress


@pytest.mark.parametrize(
    "text", ["", "1", "1 2", "2 3 4", "1 -1 4", "1 a 4", "1 2 3 4", "1 ² 3", "1 2 " + "9" * 20]
)
def test_metadata_of_others_is_not_taken_for_ours(text: str) -> None:
    assert RawProgress.read(text) is None


def test_raw_partitions_spread_over_the_events_topic() -> None:
    targets = {target_partition("raw.syslog", partition, 6) for partition in range(6)}

    assert targets == set(range(6))


@pytest.mark.parametrize(
    ("value", "offset"),
    [
        (origin("raw.json", 1, 42), 42),
        (origin("raw.json", 11, 42), None),
        (origin("raw.json2", 1, 42), None),
        (b"raw.json:1:", None),
        (b"raw.json:1:x", None),
        (b"", None),
    ],
)
def test_an_origin_is_read_only_for_its_own_partition(value: bytes, offset: int | None) -> None:
    assert origin_offset(value, "raw.json", 1) == offset
