"""Small files replaced atomically."""

from pathlib import Path

import pytest

from broker_core.log.checkpoint import CleanEnd, PartitionCheckpoint, replace_file
from broker_core.log.file_layout import CHECKPOINT


@pytest.mark.parametrize(
    "checkpoint",
    [
        PartitionCheckpoint(),
        PartitionCheckpoint(log_start_offset=5, recovery_point=9),
        PartitionCheckpoint(
            recovery_point=9,
            clean_end=CleanEnd(end_offset=12, active_base_offset=9, active_bytes=300),
        ),
    ],
)
def test_reads_what_was_written(tmp_path: Path, checkpoint: PartitionCheckpoint) -> None:
    checkpoint.write(tmp_path)

    assert PartitionCheckpoint.read(tmp_path) == checkpoint


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"log_start_offset": 1}'])
def test_an_unreadable_checkpoint_says_that_nothing_is_known(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / CHECKPOINT).write_bytes(content)

    assert PartitionCheckpoint.read(tmp_path) is None


def test_an_absent_checkpoint_says_that_nothing_is_known(tmp_path: Path) -> None:
    assert PartitionCheckpoint.read(tmp_path) is None


def test_replacing_leaves_only_the_new_content(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"old")
    replace_file(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_old_content_stands_if_the_new_cannot_be_written(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"old")
    (tmp_path / "file.tmp").mkdir()  # where the new content would be written first

    with pytest.raises(OSError, match="directory"):
        replace_file(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"old"
