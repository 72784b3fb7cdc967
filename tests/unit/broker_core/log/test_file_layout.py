"""Names on disk."""

from pathlib import Path

import pytest

from broker_core.errors import InvalidTopic
from broker_core.log import file_layout


@pytest.mark.parametrize("name", ["a", "events.log", "A-b_c.9", "x" * 249, "..."])
def test_takes_the_topic_names_that_kafka_takes(name: str) -> None:
    file_layout.check_topic_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "ü", "a\n", "x" * 250, "a\0"])
def test_refuses_names_that_are_no_topics_or_no_file_names(name: str) -> None:
    with pytest.raises(InvalidTopic):
        file_layout.check_topic_name(name)


@pytest.mark.parametrize("offset", [0, 42, 2**63 - 1])
def test_names_carry_their_offset(offset: int) -> None:
    assert file_layout.offset_of(Path(file_layout.log_file(offset))) == offset
    assert file_layout.offset_of(Path(file_layout.snapshot_file(offset))) == offset
    assert file_layout.swap_range(Path(file_layout.swap_file(offset, offset))) == (offset, offset)


def test_names_sort_like_offsets(tmp_path: Path) -> None:
    for offset in (1000, 9, 10, 0):
        (tmp_path / file_layout.log_file(offset)).touch()
    (tmp_path / "notes.log").touch()

    found = file_layout.segment_files(tmp_path, file_layout.LOG_SUFFIX)

    assert [file_layout.offset_of(path) for path in found] == [0, 9, 10, 1000]
