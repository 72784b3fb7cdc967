"""Copies are compared byte for byte, whatever segments they lie in."""

from pathlib import Path

import pytest

from broker_core.log.file_layout import log_file
from tests.chaos.copies import unlike


@pytest.fixture
def copies(tmp_path: Path) -> dict[str, Path]:
    """Three nodes with one partition, the third with other segments."""
    nodes = {name: tmp_path / name for name in ("node-1", "node-2", "node-3")}
    for data_dir in nodes.values():
        write(data_dir, "chaos-0", {0: b"first second ", 9: b"third"})
    write(nodes["node-3"], "chaos-0", {0: b"first ", 4: b"second third", 9: b""})
    return nodes


def write(data_dir: Path, partition: str, segments: dict[int, bytes]) -> None:
    """Segments of a partition by their base offset."""
    directory = data_dir / partition
    directory.mkdir(parents=True, exist_ok=True)
    for base_offset, content in segments.items():
        (directory / log_file(base_offset)).write_bytes(content)


def test_copies_in_other_segments_are_alike(copies: dict[str, Path]) -> None:
    assert unlike(copies) == []


def test_one_byte_that_differs_is_found_at_once(copies: dict[str, Path]) -> None:
    write(copies["node-2"], "chaos-0", {9: b"thirD"})

    (anomaly,) = unlike(copies, seconds=60)

    assert anomaly.kind == "unlike"
    assert anomaly.detail == "chaos-0 on node-1 and node-2: (18, 18) bytes, alike up to 17"


def test_a_copy_that_stays_shorter_is_found_when_the_time_is_over(copies: dict[str, Path]) -> None:
    write(copies["node-2"], "chaos-0", {9: b""})

    (anomaly,) = unlike(copies, seconds=0)

    assert anomaly.detail == "chaos-0 on node-1 and node-2: (18, 13) bytes, alike up to 13"


def test_a_copy_that_is_not_there_is_found(copies: dict[str, Path]) -> None:
    write(copies["node-1"], "chaos-1", {0: b"alone"})

    assert [anomaly.detail for anomaly in unlike(copies, seconds=0)] == [
        "chaos-1 on node-1 and node-2: (5, 0) bytes, alike up to 0",
        "chaos-1 on node-1 and node-3: (5, 0) bytes, alike up to 0",
    ]


def test_compacted_topics_are_left_out(copies: dict[str, Path]) -> None:
    write(copies["node-1"], "__consumer_offsets-0", {0: b"not yet compacted"})

    assert unlike(copies) == []
