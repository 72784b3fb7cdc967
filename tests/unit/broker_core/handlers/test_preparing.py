"""Batches that are opened before they are appended: in order, and judged when their turn comes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest

from broker_core.errors import ErrorCode
from broker_core.handlers import preparing
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.log.batch_check import prepare
from broker_core.log.topic_config import LogConfig
from broker_core.protocol.api_keys import PRODUCE
from broker_core.protocol.compression import Codec
from broker_core.protocol.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    TopicProduceData,
)
from broker_core.protocol.record_batch import Bytes, read_batches, read_records
from broker_core.replication.replica import Replica
from tests.support.broker_requests import Ask
from tests.support.partition import batch

TOPIC = "raw.packed"


@pytest.fixture
def replica(services: Services) -> Replica:
    services.logs.create_topic(TOPIC, 1, {"compression.type": "zstd"})
    return services.replicas.leading(TOPIC, 0)


@pytest.fixture
def session(services: Services) -> ClientSession:
    return ClientSession(services, "127.0.0.1")


@contextmanager
def held_back() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Nothing is prepared before the second event is set; the first says that a batch waits."""
    waits, go = threading.Event(), threading.Event()

    def wait_first(records: Bytes, config: LogConfig) -> Bytes:
        waits.set()
        assert go.wait(60)
        return prepare(records, config)

    with patch.object(preparing, "prepare", wait_first):
        try:
            yield waits, go
        finally:
            go.set()


async def send(
    ask: Ask, session: ClientSession, records: bytes, transactional_id: str | None = None
) -> PartitionProduceResponse:
    data = PartitionProduceData(index=0, records=records)
    request = ProduceRequest(
        transactional_id=transactional_id,
        acks=-1,
        timeout_ms=60_000,
        topic_data=(TopicProduceData(name=TOPIC, partition_data=(data,)),),
    )
    answer = await ask(session, PRODUCE, 9, request)
    [found] = answer.responses[0].partition_responses
    assert isinstance(found, PartitionProduceResponse)
    return found


def values(replica: Replica) -> list[bytes | None]:
    data = replica.log.read(0, 1 << 20)
    return [one.value for start, _ in read_batches(data) for one in read_records(data, start)]


async def test_batches_of_a_pipeline_stay_in_order_whatever_they_need(
    replica: Replica, session: ClientSession, ask: Ask
) -> None:
    codecs = [Codec.NONE, Codec.ZSTD, Codec.ZSTD, Codec.LZ4, Codec.ZSTD, Codec.GZIP] * 5
    sent = [
        batch(b"%d" % number, codec=codec, producer_id=5, epoch=0, sequence=number)
        for number, codec in enumerate(codecs)
    ]

    answers = await asyncio.gather(*(send(ask, session, one) for one in sent))

    assert [one.error_code for one in answers] == [ErrorCode.NONE] * len(sent)
    assert [one.base_offset for one in answers] == list(range(len(sent)))
    assert values(replica) == [b"%d" % number for number in range(len(sent))]
    written = read_batches(replica.log.read(0, 1 << 20))
    assert {header.codec for _, header in written} == {Codec.ZSTD}


async def test_a_batch_whose_transaction_ended_meanwhile_begins_no_other(
    services: Services, replica: Replica, session: ClientSession, ask: Ask
) -> None:
    registry = services.transactions
    producer = await registry.init_producer("copier", None, 60_000)
    await registry.add_partitions("copier", producer, [(TOPIC, 0)])
    one = batch(
        b"late",
        producer_id=producer.producer_id,
        epoch=producer.epoch,
        sequence=0,
        transactional=True,
    )

    with held_back() as (waits, go):
        late = asyncio.create_task(send(ask, session, one, "copier"))
        assert await asyncio.to_thread(waits.wait, 60)
        await registry.end("copier", producer, committed=True)
        go.set()
        answer = await late

    assert answer.error_code == ErrorCode.NOT_ENOUGH_REPLICAS  # the coordinator's word is too old
    assert replica.log.open_transactions == {}
    assert (await send(ask, session, one, "copier")).error_code == ErrorCode.INVALID_TXN_STATE


async def test_what_a_client_sent_before_it_left_is_appended(
    services: Services, replica: Replica, session: ClientSession, ask: Ask
) -> None:
    with held_back() as (waits, go):
        gone = asyncio.create_task(send(ask, session, batch(b"sent")))
        assert await asyncio.to_thread(waits.wait, 60)
        gone.cancel()
        await asyncio.wait([gone])
        go.set()
        await services.preparing.close()
    await services.commit.flush(replica.log)

    assert values(replica) == [b"sent"]


async def test_records_that_are_not_what_they_claim_are_refused_for_good(
    services: Services, replica: Replica, session: ClientSession, ask: Ask
) -> None:
    bomb = batch(bytes(20 << 20), codec=Codec.GZIP)
    fine = batch(b"fine")

    refused, taken = await asyncio.gather(send(ask, session, bomb), send(ask, session, fine))

    assert refused.error_code == ErrorCode.MESSAGE_TOO_LARGE
    assert taken.error_code == ErrorCode.NONE
    assert values(replica) == [b"fine"]


@pytest.mark.parametrize("name", ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_is_what_lies_on_disk(
    services: Services, session: ClientSession, ask: Ask, name: str
) -> None:
    services.logs.create_topic(TOPIC, 1, {"compression.type": name})
    replica = services.replicas.leading(TOPIC, 0)
    for codec in Codec:
        answer = await send(ask, session, batch(b"a" * 100, b"b", codec=codec))
        assert answer.error_code == ErrorCode.NONE

    written = read_batches(replica.log.read(0, 1 << 20))
    title = "none" if name == "uncompressed" else name
    assert {Codec(header.codec).name for _, header in written} == {title.upper()}
    assert values(replica) == [b"a" * 100, b"b"] * len(Codec)
