"""Limits around requests: headers too slow, too large, senders too many; and an orderly stop."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.collectors.http.application import Route
from pipeline.collectors.http.exchange import Request, Response
from tests.support.http_listener import LIMITS, listening

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def hello(request: Request) -> Response:
    return Response(200, b"hello")


ROUTES = {"/": Route(endpoint=hello, methods=frozenset({"GET", "POST"}))}


async def said(port: int, *pieces: bytes) -> bytes:
    """Everything that the server answers until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()


async def test_headers_that_do_not_come_end_the_connection() -> None:
    limits = replace(LIMITS, header_timeout=timedelta(milliseconds=100))

    async with listening(ROUTES, limits) as listener:
        silent, slow = await asyncio.gather(said(listener.port), said(listener.port, GET))

    assert silent.startswith(b"HTTP/1.1 408")
    assert slow.startswith(b"HTTP/1.1 408")


async def test_a_connection_that_was_served_may_idle() -> None:
    limits = replace(LIMITS, header_timeout=timedelta(milliseconds=50))

    async with listening(ROUTES, limits) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        for _ in range(2):
            writer.write(GET + b"\r\n")
            await reader.readuntil(b"hello")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.2)
        writer.close()


async def test_headers_without_end_are_refused() -> None:
    async with listening(ROUTES) as listener:
        answer = await said(listener.port, GET, b"X-Pad: " + b"x" * 40_000)

    assert answer.startswith(b"HTTP/1.1 431")


async def test_garbage_is_answered_400() -> None:
    async with listening(ROUTES) as listener:
        answer = await said(listener.port, b"\x16\x03\x01\x02\x00garbage\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")


async def test_one_sender_too_many_hears_so_and_the_others_go_on() -> None:
    limits = replace(LIMITS, max_connections=1)

    async with listening(ROUTES, limits) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(GET + b"\r\n")
        await reader.readuntil(b"hello")
        refused = await said(listener.port)
        writer.write(GET + b"\r\n")
        again = await reader.readuntil(b"hello")
        writer.close()

    assert refused.startswith(b"HTTP/1.1 503")
    assert again.startswith(b"HTTP/1.1 200")


async def test_a_body_beyond_every_limit_is_cut_off() -> None:
    limits = replace(LIMITS, max_request_bytes=100_000)

    async with listening(ROUTES, limits) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
        await reader.readuntil(b"hello")
        writer.write(b"x" * 9_000_000)
        with pytest.raises(ConnectionError):
            await writer.drain()
        writer.close()


async def test_a_refused_upload_hears_the_refusal() -> None:
    async with listening(ROUTES) as listener:
        head = b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n"
        answer = await said(listener.port, head + b"Connection: close\r\n\r\n" + b"x" * 2_000_000)

    assert answer.startswith(b"HTTP/1.1 404")


async def test_a_stop_answers_the_request_under_way() -> None:
    asked, answer_now = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        asked.set()
        await answer_now.wait()
        return Response(200, b"late")

    routes = {"/": Route(endpoint=slow, methods=frozenset({"GET"}))}
    async with listening(routes) as listener:
        answer = asyncio.create_task(said(listener.port, GET + b"\r\n"))
        await asked.wait()
        asyncio.get_running_loop().call_later(0.2, answer_now.set)

    assert (await answer).endswith(b"late")
    assert listener.health().state == "stopped"


async def test_unknown_paths_and_methods_are_problems() -> None:
    async with listening(ROUTES) as listener:
        close = b"Host: x\r\nConnection: close\r\n\r\n"
        missing = await said(listener.port, b"GET /nothing HTTP/1.1\r\n" + close)
        wrong = await said(listener.port, b"DELETE / HTTP/1.1\r\n" + close)

    assert missing.startswith(b"HTTP/1.1 404")
    assert b"application/problem+json" in missing
    assert wrong.startswith(b"HTTP/1.1 405")
    assert b"allow: GET, POST" in wrong


async def test_a_defect_of_ours_is_answered_500_and_harms_no_other_request() -> None:
    async def broken(request: Request) -> Response:
        raise RuntimeError("a defect")

    routes = {**ROUTES, "/broken": Route(endpoint=broken, methods=frozenset({"GET"}))}
    async with listening(routes) as listener:
        close = b"Host: x\r\nConnection: close\r\n\r\n"
        failed = await said(listener.port, b"GET /broken HTTP/1.1\r\n" + close)
        fine = await said(listener.port, b"GET / HTTP/1.1\r\n" + close)

    assert failed.startswith(b"HTTP/1.1 500")
    assert b"a defect" not in failed
    assert fine.endswith(b"hello")
