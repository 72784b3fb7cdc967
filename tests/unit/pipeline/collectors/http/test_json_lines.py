"""NDJSON over a real socket: what is taken in, what is refused, and what the sender hears."""

import asyncio
import gzip
import zlib
from datetime import timedelta

import httpx
import orjson
import pytest

from pipeline.collectors.http.application import Route
from pipeline.collectors.http.json_lines import PATH, JsonLines
from pipeline.errors import BusRefused, BusUnavailable
from tests.support.http_listener import BEARER, Parts, listening, serving

TWO_LINES = b'{"user": "root", "n": 1}\nnot json at all\n'


def routes(parts: Parts, *, max_event_bytes: int = 1_000) -> dict[str, Route]:
    endpoint = JsonLines(
        parts.intake,
        parts.recorder("http_ndjson"),
        parts.authenticator,
        parts.bodies,
        max_event_bytes=max_event_bytes,
    )
    return {PATH: Route(endpoint=endpoint, methods=frozenset({"POST"}))}


async def test_lines_are_events_once_the_answer_says_so() -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=TWO_LINES, headers=BEARER)

    assert (answer.status_code, answer.json()) == (200, {"accepted": 2, "rejected": []})
    first, second = parts.log.events()
    assert (first.fields["user"], first.fields["n"], first.source) == ("root", 1, "http:good-token")
    assert first.raw == b'{"user": "root", "n": 1}'
    assert second.fields["message"] == "not json at all"


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer wrong", 401),
        ("Bearer", 401),
        ("Digest good", 401),
        ("Basic !!!", 401),
        ("Bearer reader", 403),
        ("Bearer good", 200),
        ("Splunk good", 200),
        ("Basic dXNlcjpnb29k", 200),
        ("bearer  good", 200),
    ],
)
async def test_only_tokens_that_may_send_are_let_in(authorization: str | None, status: int) -> None:
    parts = Parts()
    headers = {} if authorization is None else {"Authorization": authorization}

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=TWO_LINES, headers=headers)

    assert answer.status_code == status
    assert len(parts.log.records) == (2 if status == 200 else 0)
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


async def test_parameters_name_the_source_and_the_log_source() -> None:
    parts = Parts()
    parameters = {"source": "web-1", "product": "linux", "category": "", "service": "auth,sshd"}

    async with serving(routes(parts)) as client:
        await client.post(PATH, content=b"a line", headers=BEARER, params=parameters)

    (event,) = parts.log.events()
    assert event.source == "http:web-1"
    assert event.fields["logsource.product"] == "linux"
    assert event.fields["logsource.service"] == ["auth", "sshd"]
    assert "logsource.category" not in event.fields


@pytest.mark.parametrize("name", ["x" * 201, "a\nb", "a\x1bb"])
async def test_a_source_name_that_cannot_be_shown_is_refused(name: str) -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=b"{}", headers=BEARER, params={"source": name})

    assert answer.status_code == 400
    assert "source" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(TWO_LINES, mtime=0)),
        ("gzip", gzip.compress(TWO_LINES[:10], mtime=0) + gzip.compress(TWO_LINES[10:], mtime=0)),
        ("deflate", zlib.compress(TWO_LINES)),
        ("deflate", zlib.compress(TWO_LINES, wbits=-15)),
        ("identity", TWO_LINES),
    ],
)
async def test_compressed_bodies_are_read(coding: str, body: bytes) -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        headers = {**BEARER, "Content-Encoding": coding}
        answer = await client.post(PATH, content=body, headers=headers)

    assert answer.json()["accepted"] == 2


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Encoding": "gzip"}, gzip.compress(b"a\n" * 600_000, mtime=0), 413),
        ({}, b"x" * 1_200_000, 413),
        ({"Content-Encoding": "gzip"}, b"not gzip", 400),
        ({"Content-Encoding": "gzip"}, gzip.compress(TWO_LINES, mtime=0)[:-9], 400),
        ({"Content-Encoding": "br"}, b"x", 415),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"x", 415),
    ],
    ids=["bomb", "large", "corrupt", "cut", "unknown coding", "form"],
)
async def test_a_body_that_cannot_be_read_is_refused_whole(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=body, headers={**BEARER, **headers})

    assert answer.status_code == status
    assert answer.json()["title"]
    assert parts.log.records == []


async def test_too_long_lines_are_rejected_by_number_and_parked() -> None:
    parts = Parts()
    body = b"short\r\n\n" + b"x" * 1_001 + b"\nlast"

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=body, headers=BEARER)
        await parts.log.until(lambda log: len(log.on("dead-letter")) == 1)

    assert answer.json() == {
        "accepted": 2,
        "rejected": [{"line": 3, "reason": "1001 bytes, at most 1000"}],
    }
    assert [event.raw for event in parts.log.events()] == [b"short", b"last"]
    (parked,) = parts.log.on("dead-letter")
    assert dict(parked.headers)["source"] == b"http:good-token"


async def test_a_request_of_only_too_long_lines_fails() -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=b"x" * 1_001, headers=BEARER)

    assert answer.status_code == 413
    assert answer.json()["rejected"] == [{"line": 1, "reason": "1001 bytes, at most 1000"}]


@pytest.mark.parametrize(
    "line",
    [
        b"\x00\xff\xfe garbage \x80",
        b'{"a":' * 5_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"n": 1e999}',
        b'{"n": 123456789012345678901234567890}',
        b'{"t": "\\ud800"}',
        b"[1, 2]",
    ],
    ids=["binary", "unclosed", "deep", "infinite", "huge", "surrogate", "array"],
)
async def test_hostile_lines_are_kept_raw(line: bytes) -> None:
    parts = Parts()

    async with serving(routes(parts, max_event_bytes=100_000)) as client:
        answer = await client.post(PATH, content=line, headers=BEARER)

    assert answer.json()["accepted"] == 1
    (event,) = parts.log.events()
    assert event.raw == line


async def test_a_log_that_does_not_answer_is_told_as_503() -> None:
    parts = Parts()
    parts.log.failures.append(BusUnavailable("no broker"))

    async with serving(routes(parts)) as client:
        refused = await client.post(PATH, content=TWO_LINES, headers=BEARER)
        repeated = await client.post(PATH, content=TWO_LINES, headers=BEARER)

    assert (refused.status_code, refused.json()["accepted"]) == (503, 0)
    assert refused.headers["retry-after"] == "2"
    assert repeated.status_code == 200
    assert len(parts.log.records) == 2


async def test_lines_that_the_log_refuses_are_told_by_number() -> None:
    parts = Parts()
    parts.log.failures.append(BusRefused("too large", refused=(1,)))

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=b"one\n\ntwo", headers=BEARER)

    assert answer.json() == {
        "accepted": 1,
        "rejected": [{"line": 3, "reason": "refused by the log"}],
    }


async def test_a_body_cut_off_in_the_middle_leaves_nothing_behind() -> None:
    parts = Parts()

    async with listening(routes(parts)) as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(
            b"POST /ingest/ndjson HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n"
            b"Content-Length: 100\r\n\r\n" + TWO_LINES
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{listener.port}{PATH}"
            answer = await client.post(url, content=b"{}", headers=BEARER)

    assert answer.status_code == 200
    assert len(parts.log.records) == 1


async def test_a_body_that_dribbles_is_answered_408() -> None:
    parts = Parts(timeout=timedelta(milliseconds=100))

    async with listening(routes(parts)) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(
            b"POST /ingest/ndjson HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        answer = await reader.readuntil(b"\r\n")
        writer.close()

    assert answer == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_bodies_beyond_what_may_be_buffered_are_put_off() -> None:
    parts = Parts(max_body_bytes=1 << 20, max_buffered_bytes=1_000)

    async with serving(routes(parts)) as client:
        put_off = await client.post(PATH, content=b"x\n" * 600, headers=BEARER)
        served = await client.post(PATH, content=b"x\n" * 400, headers=BEARER)

    assert (put_off.status_code, put_off.headers["retry-after"]) == (429, "1")
    assert served.json()["accepted"] == 400


async def test_a_large_request_is_taken_in_slices_and_counted_whole() -> None:
    parts = Parts()
    lines = [orjson.dumps({"n": number}) for number in range(12_001)]

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=b"\n".join(lines), headers=BEARER)

    assert answer.json()["accepted"] == 12_001
    assert [event.raw for event in parts.log.events()] == lines
