"""Producer ids: each is given once."""

import asyncio
from pathlib import Path

import pytest

from broker_core.coordinator.producer_ids import BLOCK_IDS, ProducerIds
from broker_core.errors import ErrorCode, StorageError
from broker_core.log.file_layout import PRODUCER_IDS
from broker_core.protocol.messages.init_producer_id import InitProducerIdRequest


def request(transactional_id: str | None = None) -> InitProducerIdRequest:
    return InitProducerIdRequest(transactional_id=transactional_id, transaction_timeout_ms=0)


async def test_no_id_is_given_twice_over_blocks_and_restarts(tmp_path: Path) -> None:
    given: list[int] = []
    for _ in range(3):
        ids = ProducerIds(tmp_path)
        given += await asyncio.gather(*(ids.allocate() for _ in range(BLOCK_IDS + 5)))

    assert len(set(given)) == len(given)
    assert min(given) >= 0


async def test_an_idempotent_producer_begins_at_epoch_zero(tmp_path: Path) -> None:
    answer = await ProducerIds(tmp_path).init(request())

    assert (answer.error_code, answer.producer_id, answer.producer_epoch) == (0, 0, 0)


async def test_a_transactional_id_is_refused(tmp_path: Path) -> None:
    answer = await ProducerIds(tmp_path).init(request("payments"))

    assert answer.error_code == ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert answer.producer_id == -1


async def test_no_id_is_given_that_is_not_on_disk(tmp_path: Path) -> None:
    ids = ProducerIds(tmp_path)
    (tmp_path / (PRODUCER_IDS + ".tmp")).mkdir()

    with pytest.raises(StorageError):
        await ids.allocate()
    assert (await ids.init(request())).error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE

    (tmp_path / (PRODUCER_IDS + ".tmp")).rmdir()
    assert await ids.allocate() == 0


def test_an_unreadable_file_stops_the_broker_rather_than_begin_anew(tmp_path: Path) -> None:
    (tmp_path / PRODUCER_IDS).write_text("{}")

    with pytest.raises(StorageError, match="restore it from a backup"):
        ProducerIds(tmp_path)
