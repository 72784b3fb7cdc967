"""Produce: outcomes by partition, retries, and a disk that fails."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from broker_core.coordinator.transaction import ProducerIdentity
from broker_core.errors import BrokerError, ErrorCode, NotLeaderOrFollower, StorageError
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import PRODUCE
from broker_core.protocol.encoder import encode
from broker_core.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from broker_core.protocol.record_batch import Record, build_batch
from tests.support.broker_requests import Ask

RECORDS = [Record(0, 1, None, b"x"), Record(1, 2, None, b"y")]
BATCH = build_batch(RECORDS)


def request(
    *records: bytes | None, acks: int = -1, transactional_id: str | None = None
) -> ProduceRequest:
    """Send to partitions 0, 1, … of raw.open."""
    data = tuple(
        PartitionProduceData(index=number, records=batch) for number, batch in enumerate(records)
    )
    return ProduceRequest(
        transactional_id=transactional_id,
        acks=acks,
        timeout_ms=5000,
        topic_data=(TopicProduceData(name="raw.open", partition_data=data),),
    )


@pytest.fixture
def session(services: Services) -> ClientSession:
    return ClientSession(services, "127.0.0.1")


def outcomes(answer: Any) -> Sequence[tuple[int, int]]:
    return [
        (partition.error_code, partition.base_offset)
        for topic in answer.responses
        for partition in topic.partition_responses
    ]


async def test_the_records_that_a_compacted_topic_refuses_are_named(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    services.logs.create_topic("raw.compacted", 1, {"cleanup.policy": "compact"})
    keys = [b"k", None, b"k", None]
    batch = build_batch([Record(number, 1, key, b"v") for number, key in enumerate(keys)])
    data = PartitionProduceData(index=0, records=batch)
    topic = TopicProduceData(name="raw.compacted", partition_data=(data,))
    asked = ProduceRequest(acks=-1, timeout_ms=5000, topic_data=(topic,))

    answer = await ask(session, PRODUCE, 9, asked)

    [refused] = answer.responses[0].partition_responses
    assert refused.error_code == ErrorCode.INVALID_RECORD
    assert [one.batch_index for one in refused.record_errors] == [1, 3]


@pytest.mark.parametrize("version", range(3, 12))
@pytest.mark.parametrize("acks", [1, -1])
async def test_an_answer_means_that_it_is_on_disk(
    services: Services, session: ClientSession, ask: Ask, version: int, acks: int
) -> None:
    answer = await ask(session, PRODUCE, version, request(BATCH, BATCH, acks=acks))

    assert outcomes(answer) == [(0, 0), (0, 0)]
    for number in range(2):
        log = services.logs.get("raw.open", number)
        assert log is not None
        assert log.high_watermark == 2


async def test_each_partition_has_its_own_outcome(session: ClientSession, ask: Ask) -> None:
    corrupt = bytearray(BATCH)
    corrupt[-1] ^= 1

    answer = await ask(session, PRODUCE, 9, request(BATCH, bytes(corrupt), BATCH))

    assert outcomes(answer) == [
        (0, 0),
        (ErrorCode.CORRUPT_MESSAGE, -1),
        (ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -1),
    ]
    assert "CRC" in answer.responses[0].partition_responses[1].error_message


@pytest.mark.parametrize("records", [b"", None, b"x" * 30, BATCH[:-1], BATCH + BATCH])
async def test_what_is_not_one_whole_batch_is_refused(
    session: ClientSession, ask: Ask, records: bytes | None
) -> None:
    ((code, offset),) = outcomes(await ask(session, PRODUCE, 9, request(records)))

    assert (code != 0, offset) == (True, -1)


async def test_a_retry_of_an_idempotent_producer_gets_the_first_answer(
    session: ClientSession, ask: Ask
) -> None:
    batch = build_batch(RECORDS, producer_id=1, producer_epoch=0, base_sequence=0)
    later = build_batch(RECORDS, producer_id=1, producer_epoch=0, base_sequence=2)
    gap = build_batch(RECORDS, producer_id=1, producer_epoch=0, base_sequence=9)

    answers = [
        outcomes(await ask(session, PRODUCE, 9, request(each)))[0]
        for each in (batch, later, batch, gap)
    ]

    assert answers == [(0, 0), (0, 2), (0, 0), (ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, -1)]


async def test_acks_0_is_stored_and_not_answered(
    services: Services, session: ClientSession
) -> None:
    log = services.logs.get("raw.open", 0)
    assert log is not None
    body = b"".join(encode(request(BATCH, acks=0), 7, flexible=False))

    parts = await session.answer(b"\x00\x00\x00\x07\x00\x00\x00\x05\xff\xff" + body)

    assert parts == []
    await services.commit.durable(log, 2)
    assert log.high_watermark == 2


@pytest.mark.parametrize("acks", [2, -2])
async def test_other_acks_are_refused(session: ClientSession, ask: Ask, acks: int) -> None:
    answer = await ask(session, PRODUCE, 9, request(BATCH, acks=acks))

    assert outcomes(answer) == [(ErrorCode.INVALID_REQUIRED_ACKS, -1)]


def in_transaction(producer: ProducerIdentity, sequence: int = 0) -> bytes:
    return build_batch(
        RECORDS,
        producer_id=producer.producer_id,
        producer_epoch=producer.epoch,
        base_sequence=sequence,
        transactional=True,
    )


async def test_only_a_transaction_that_has_added_the_partition_may_write_to_it(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    transactions = services.transactions
    producer = await transactions.init_producer("t", None, 1000)
    wanted = request(in_transaction(producer), transactional_id="t")

    before = await ask(session, PRODUCE, 9, wanted)
    await transactions.add_partitions("t", producer, [("raw.open", 0)])
    during = await ask(session, PRODUCE, 9, wanted)
    again = await ask(session, PRODUCE, 9, wanted)
    await transactions.end("t", producer, committed=True)
    retried = await ask(session, PRODUCE, 9, wanted)
    late = request(in_transaction(producer, sequence=2), transactional_id="t")
    after = await ask(session, PRODUCE, 9, late)

    assert outcomes(before) == outcomes(after) == [(ErrorCode.INVALID_TXN_STATE, -1)]
    assert outcomes(during) == outcomes(again) == outcomes(retried) == [(0, 0)]


async def test_a_zombie_writes_nothing(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    zombie = await services.transactions.init_producer("t", None, 1000)
    await services.transactions.init_producer("t", None, 1000)

    answer = await ask(session, PRODUCE, 9, request(in_transaction(zombie), transactional_id="t"))

    assert outcomes(answer) == [(ErrorCode.INVALID_PRODUCER_EPOCH, -1)]


@pytest.mark.parametrize("transactional_id", [None, "tocsin.sinks"])
async def test_a_transaction_needs_a_transactional_id_that_the_client_may_use(
    services: Services, session: ClientSession, ask: Ask, transactional_id: str | None
) -> None:
    batch = in_transaction(ProducerIdentity(0, 0))

    answer = await ask(session, PRODUCE, 9, request(batch, transactional_id=transactional_id))

    assert outcomes(answer) == [(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1)]


async def test_a_failed_disk_refuses_everything(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    services.logs.fault.set("a sync failed")

    answer = await ask(session, PRODUCE, 9, request(BATCH))

    assert outcomes(answer) == [(ErrorCode.KAFKA_STORAGE_ERROR, -1)]


@pytest.mark.parametrize("why", ["shortage", "leader"])
async def test_what_comes_behind_a_batch_that_was_refused_is_to_be_sent_again(
    services: Services, session: ClientSession, ask: Ask, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    first, second = (
        build_batch(RECORDS, producer_id=7, producer_epoch=0, base_sequence=sequence)
        for sequence in (0, 2)
    )
    replica = services.replicas.leading("raw.open", 0)
    with monkeypatch.context() as refused:
        if why == "shortage":
            refused.setattr(services.logs.fault, "check_budget", _refuse(StorageError("full")))
        else:
            refused.setattr(replica, "check_leader", _refuse(NotLeaderOrFollower("another")))
        answers = [await ask(session, PRODUCE, 9, request(first))]

    answers += [await ask(session, PRODUCE, 9, request(one)) for one in (second, first, second)]

    assert [outcomes(answer)[0][0] for answer in answers[1:]] == [
        ErrorCode.NOT_ENOUGH_REPLICAS,
        ErrorCode.NONE,
        ErrorCode.NONE,
    ]


def _refuse(error: BrokerError) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise error

    return refuse


async def test_what_was_written_but_not_synced_is_of_unknown_fate(
    session: ClientSession, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients cut a batch anew after KAFKA_STORAGE_ERROR; this one may be in the log."""

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)

    answers = [await ask(session, PRODUCE, 9, request(BATCH)) for _ in range(2)]

    assert [outcomes(answer) for answer in answers] == [
        [(ErrorCode.REQUEST_TIMED_OUT, -1)],
        [(ErrorCode.KAFKA_STORAGE_ERROR, -1)],
    ]


async def test_nobody_writes_to_the_brokers_own_topics(services: Services, ask: Ask) -> None:
    session = ClientSession(services, "127.0.0.1")
    data = (PartitionProduceData(index=0, records=BATCH),)
    wanted = ProduceRequest(
        acks=-1,
        timeout_ms=1000,
        topic_data=(TopicProduceData(name="__consumer_offsets", partition_data=data),),
    )

    answer = await ask(session, PRODUCE, 9, wanted)

    assert outcomes(answer) == [(ErrorCode.TOPIC_AUTHORIZATION_FAILED, -1)]
