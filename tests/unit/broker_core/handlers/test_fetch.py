"""Fetch: limits, waiting, and what each partition is told."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol.api_keys import FETCH
from broker_core.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from broker_core.protocol.record_batch import Record, build_batch, read_batches
from tests.support.broker_requests import Ask

BATCH = build_batch([Record(0, 1, None, b"x" * 500), Record(1, 2, None, b"y" * 500)])


async def append(services: Services, partition: int = 0, batches: int = 1) -> None:
    log = services.logs.get("raw.open", partition)
    assert log is not None
    for _ in range(batches):
        log.append(BATCH)
    await services.commit.durable(log, log.end_offset)


def request(
    *offsets: int,
    wait_ms: int = 0,
    min_bytes: int = 1,
    max_bytes: int = 1 << 20,
    partition_bytes: int = 1 << 20,
) -> FetchRequest:
    """Ask for partitions 0, 1, … of raw.open from these offsets."""
    partitions = tuple(
        FetchPartition(partition=number, fetch_offset=offset, partition_max_bytes=partition_bytes)
        for number, offset in enumerate(offsets)
    )
    return FetchRequest(
        max_wait_ms=wait_ms,
        min_bytes=min_bytes,
        max_bytes=max_bytes,
        topics=(FetchTopic(topic="raw.open", partitions=partitions),),
    )


@pytest.fixture
def session(services: Services) -> ClientSession:
    return ClientSession(services, "127.0.0.1")


def partitions_of(answer: Any) -> list[Any]:
    return [partition for topic in answer.responses for partition in topic.partitions]


async def test_reads_whole_batches_with_the_logs_offsets(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    await append(services, batches=3)

    (read,) = partitions_of(await ask(session, FETCH, 12, request(2)))

    headers = [header for _, header in read_batches(bytes(read.records))]
    assert [header.base_offset for header in headers] == [2, 4]
    assert (read.high_watermark, read.last_stable_offset, read.log_start_offset) == (6, 6, 0)


async def test_what_is_not_yet_on_disk_is_not_read(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    log = services.logs.get("raw.open", 0)
    assert log is not None
    log.append(BATCH)

    (read,) = partitions_of(await ask(session, FETCH, 12, request(0)))

    assert (bytes(read.records), read.high_watermark) == (b"", 0)


async def test_the_first_batch_comes_however_small_the_limits(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    await append(services, partition=0, batches=2)
    await append(services, partition=1)

    first, second = partitions_of(
        await ask(session, FETCH, 12, request(0, 0, max_bytes=1, partition_bytes=1))
    )

    assert len(first.records) == len(BATCH)
    assert len(second.records) == 0


async def test_only_batches_that_fit_follow_the_first(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    await append(services, batches=3)

    (read,) = partitions_of(await ask(session, FETCH, 12, request(0, partition_bytes=2500)))

    assert len(read.records) == 2 * len(BATCH)


async def test_waits_until_there_is_enough(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    wanted = request(0, wait_ms=20_000, min_bytes=len(BATCH) + 1)
    waiting = asyncio.create_task(ask(session, FETCH, 12, wanted))

    await append(services)
    await asyncio.sleep(0)
    assert not waiting.done()
    await append(services)

    async with asyncio.timeout(30):
        (read,) = partitions_of(await waiting)
    assert len(read.records) == 2 * len(BATCH)


async def test_answers_with_little_when_the_time_is_over(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    await append(services)

    (read,) = partitions_of(
        await ask(session, FETCH, 12, request(0, wait_ms=20, min_bytes=1 << 19))
    )

    assert len(read.records) == len(BATCH)


async def test_who_asks_for_nothing_does_not_wait(session: ClientSession, ask: Ask) -> None:
    async with asyncio.timeout(30):
        answer = await ask(session, FETCH, 12, request(wait_ms=60_000))

    assert partitions_of(answer) == []


async def test_a_stopping_broker_answers_at_once(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    waiting = asyncio.create_task(ask(session, FETCH, 12, request(0, wait_ms=20_000)))
    await asyncio.sleep(0)

    services.delayed.stop()

    async with asyncio.timeout(30):
        (read,) = partitions_of(await waiting)
    assert len(read.records) == 0


@pytest.mark.parametrize(
    ("partition", "code"),
    [
        (
            FetchPartition(partition=9, fetch_offset=0, partition_max_bytes=1),
            ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ),
        (
            FetchPartition(partition=0, fetch_offset=1, partition_max_bytes=1),
            ErrorCode.OFFSET_OUT_OF_RANGE,
        ),
        (
            FetchPartition(partition=0, fetch_offset=-1, partition_max_bytes=1),
            ErrorCode.OFFSET_OUT_OF_RANGE,
        ),
        (
            FetchPartition(
                partition=0, fetch_offset=0, partition_max_bytes=1, current_leader_epoch=1
            ),
            ErrorCode.UNKNOWN_LEADER_EPOCH,
        ),
    ],
    ids=["no such partition", "beyond the end", "before the start", "a later leader"],
)
async def test_an_error_is_answered_without_waiting(
    session: ClientSession, ask: Ask, partition: FetchPartition, code: ErrorCode
) -> None:
    wanted = FetchRequest(
        max_wait_ms=20_000,
        min_bytes=1,
        topics=(FetchTopic(topic="raw.open", partitions=(partition,)),),
    )

    async with asyncio.timeout(30):
        (read,) = partitions_of(await ask(session, FETCH, 12, wanted))

    assert read.error_code == code


async def test_in_a_session_only_what_is_new_is_said_and_told(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    await append(services, partition=1)
    first = await ask(session, FETCH, 12, replace(request(0, 2), session_epoch=0))
    within = replace(request(), topics=(), session_id=first.session_id)

    await append(services, partition=0)
    second = await ask(session, FETCH, 12, replace(within, session_epoch=1))
    await append(services, partition=1)
    moved = replace(request(2), session_id=first.session_id, session_epoch=2)
    third = await ask(session, FETCH, 12, moved)

    assert [read.partition_index for read in partitions_of(first)] == [0, 1]
    [read] = partitions_of(second)
    assert (read.partition_index, len(read.records)) == (0, len(BATCH))
    [read] = partitions_of(third)
    assert (read.partition_index, len(read.records)) == (1, len(BATCH))


async def test_a_fetch_of_a_session_waits_for_any_of_its_partitions(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    first = await ask(session, FETCH, 7, replace(request(0, 0), session_epoch=0))
    within = replace(request(wait_ms=20_000), topics=(), session_id=first.session_id)
    waiting = asyncio.create_task(ask(session, FETCH, 7, replace(within, session_epoch=1)))
    await asyncio.sleep(0)

    await append(services, partition=1)

    async with asyncio.timeout(30):
        [read] = partitions_of(await waiting)
    assert (read.partition_index, len(read.records)) == (1, len(BATCH))


async def test_a_session_that_is_not_known_is_refused_and_nothing_else(
    session: ClientSession, ask: Ask
) -> None:
    unknown = await ask(session, FETCH, 12, replace(request(), session_id=99, session_epoch=1))
    first = await ask(session, FETCH, 12, replace(request(0), session_epoch=0))
    late = replace(request(), session_id=first.session_id, session_epoch=2)

    assert unknown.error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    assert first.error_code == ErrorCode.NONE
    assert (await ask(session, FETCH, 12, late)).error_code == ErrorCode.INVALID_FETCH_SESSION_EPOCH


async def test_versions_without_sessions_are_told_everything_each_time(
    session: ClientSession, ask: Ask
) -> None:
    for _ in range(2):
        answer = await ask(session, FETCH, 6, request(0, 0))
        assert [read.partition_index for read in partitions_of(answer)] == [0, 1]


async def test_who_may_not_read_any_more_is_told_so_in_the_session_too(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    first = await ask(session, FETCH, 12, replace(request(0), session_epoch=0))
    services.authorizer._acls = tuple  # an operator takes every entry away

    within = replace(request(), topics=(), session_id=first.session_id, session_epoch=1)
    [read] = partitions_of(await ask(session, FETCH, 12, within))

    assert read.error_code == ErrorCode.TOPIC_AUTHORIZATION_FAILED


async def test_only_a_node_of_the_cluster_follows(
    services: Services, session: ClientSession, ask: Ask
) -> None:
    await append(services)

    answer = await ask(session, FETCH, 12, replace(request(0), replica_id=1))

    assert (answer.error_code, answer.responses) == (ErrorCode.CLUSTER_AUTHORIZATION_FAILED, ())
