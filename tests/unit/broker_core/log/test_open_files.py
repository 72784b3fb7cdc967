"""Sealed segments held open for reading."""

import os
from pathlib import Path

import pytest

from broker_core.log.open_files import OpenFiles


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    made = [tmp_path / str(number) for number in range(4)]
    for path in made:
        path.write_bytes(path.name.encode())
    return made


def test_a_file_is_opened_once(paths: list[Path]) -> None:
    files = OpenFiles(4)

    assert files.descriptor(paths[0]) == files.descriptor(paths[0])
    files.close()


def test_no_more_than_the_limit_stay_open_and_the_longest_unused_goes(paths: list[Path]) -> None:
    files = OpenFiles(2)
    kept = files.descriptor(paths[0])
    dropped = files.descriptor(paths[1])
    files.descriptor(paths[0])

    files.descriptor(paths[2])

    assert len(files) == 2
    assert os.pread(kept, 1, 0) == b"0"
    assert os.pread(files.descriptor(paths[2]), 1, 0) == b"2"
    assert files.descriptor(paths[0]) == kept
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(dropped)
    files.close()


def test_a_forgotten_file_is_closed_and_one_never_opened_is_no_matter(paths: list[Path]) -> None:
    files = OpenFiles(2)
    descriptor = files.descriptor(paths[0])

    files.forget(paths[0])
    files.forget(paths[3])

    assert len(files) == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
