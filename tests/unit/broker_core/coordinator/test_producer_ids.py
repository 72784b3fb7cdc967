"""Producer ids: each is given once."""

import asyncio
from pathlib import Path

import pytest

from broker_core.coordinator.producer_ids import BLOCK_IDS, ProducerIds
from broker_core.errors import StorageError
from broker_core.log.file_layout import PRODUCER_IDS


async def test_no_id_is_given_twice_over_blocks_and_restarts(tmp_path: Path) -> None:
    given: list[int] = []
    for _ in range(3):
        ids = ProducerIds(tmp_path)
        given += await asyncio.gather(*(ids.allocate() for _ in range(BLOCK_IDS + 5)))

    assert len(set(given)) == len(given)
    assert min(given) >= 0


async def test_no_id_is_given_that_is_not_on_disk(tmp_path: Path) -> None:
    ids = ProducerIds(tmp_path)
    (tmp_path / (PRODUCER_IDS + ".tmp")).mkdir()

    with pytest.raises(StorageError):
        await ids.allocate()

    (tmp_path / (PRODUCER_IDS + ".tmp")).rmdir()
    assert await ids.allocate() == 0


def test_an_unreadable_file_stops_the_broker_rather_than_begin_anew(tmp_path: Path) -> None:
    (tmp_path / PRODUCER_IDS).write_text("{}")

    with pytest.raises(StorageError, match="restore it from a backup"):
        ProducerIds(tmp_path)
