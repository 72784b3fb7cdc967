import asyncio
import gzip
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from pipeline.collectors.http.body import BodyReader
from pipeline.collectors.http.exchange import Problem, Request, SenderGone


def request(*chunks: bytes, headers: Mapping[bytes, bytes] | None = None) -> Request:
    """A request whose body comes in these chunks; after the last it closes."""
    messages: list[Mapping[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]

    async def receive() -> Mapping[str, Any]:
        return messages.pop(0) if messages else {"type": "http.request"}

    return Request(
        {"method": "POST", "path": "/", "headers": list((headers or {}).items())}, receive
    )


def reader(*, body: int = 1_000, buffered: int = 2_000, seconds: float = 30) -> BodyReader:
    return BodyReader(
        max_body_bytes=body, max_buffered_bytes=buffered, timeout=timedelta(seconds=seconds)
    )


async def refusal_of(bodies: BodyReader, given: Request) -> Problem:
    with pytest.raises(Problem) as refusal:
        async with bodies.read(given):
            pass
    return refusal.value


async def test_a_body_is_read_whole_and_unpacked() -> None:
    packed = gzip.compress(b"hello")

    async with reader().read(
        request(packed[:5], packed[5:], headers={b"content-encoding": b"GZIP"})
    ) as body:
        assert body == b"hello"
    async with reader().read(request()) as body:
        assert body == b""


async def test_a_body_may_not_be_larger_than_announced_to_senders() -> None:
    announced = request(headers={b"content-length": b"1001"})
    unannounced = request(b"x" * 600, b"x" * 600)
    bomb = request(gzip.compress(bytes(1_001)), headers={b"content-encoding": b"gzip"})

    for given in (announced, unannounced, bomb):
        assert (await refusal_of(reader(), given)).status == 413


async def test_what_is_not_its_coding_is_refused_and_so_is_an_unknown_one() -> None:
    corrupt = request(b"hello", headers={b"content-encoding": b"gzip"})
    unknown = request(b"hello", headers={b"content-encoding": b"br"})

    assert (await refusal_of(reader(), corrupt)).status == 400
    assert (await refusal_of(reader(), unknown)).status == 415


async def test_bodies_share_a_limit_and_give_back_what_they_took() -> None:
    bodies = reader(buffered=1_500)

    async with bodies.read(request(b"x" * 1_000)):
        assert (await refusal_of(bodies, request(b"x" * 600))).status == 429
        async with bodies.read(request(b"x" * 500)) as body:
            assert len(body) == 500
    async with bodies.read(request(b"x" * 1_000)) as body:
        assert len(body) == 1_000


async def test_a_sender_that_is_too_slow_is_told() -> None:
    async def never() -> Mapping[str, Any]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError("cancelled before")

    slow = Request({"method": "POST", "path": "/", "headers": []}, never)

    assert (await refusal_of(reader(seconds=0.01), slow)).status == 408


async def test_a_sender_that_closes_inside_its_body_has_nobody_to_answer() -> None:
    async def gone() -> Mapping[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(SenderGone):
        async with reader().read(Request({"method": "POST", "path": "/", "headers": []}, gone)):
            pass
