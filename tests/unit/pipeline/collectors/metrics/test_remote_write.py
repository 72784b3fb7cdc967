"""Remote write over a real socket: samples as events, and what Prometheus hears."""

import math
import time

import pytest

from pipeline.collectors.http.application import Route
from pipeline.collectors.metrics.remote_write import PATH, RemoteWrite
from pipeline.errors import BusRefused, BusUnavailable
from tests.support.http_listener import BEARER, Parts, serving
from tests.support.prometheus_messages import snappy, write_request

HEADERS = {
    **BEARER,
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
NOW = int(time.time() * 1000)
UP = {"__name__": "up", "job": "node", "instance": "web-1:9100"}


def routes(parts: Parts) -> dict[str, Route]:
    endpoint = RemoteWrite(
        parts.intake,
        parts.recorder("remote_write"),
        parts.authenticator,
        parts.bodies,
        max_body_bytes=1 << 20,
    )
    return {PATH: Route(endpoint=endpoint, methods=frozenset({"POST"}))}


async def test_every_sample_is_an_event_of_its_series() -> None:
    parts = Parts()
    body = write_request(
        [(UP, [(1.0, NOW), (0.5, NOW + 15_000)]), ({"__name__": "x"}, [(math.inf, NOW)])]
    )

    async with serving(routes(parts)) as client:
        for _ in range(2):
            answer = await client.post(PATH, content=snappy(body), headers=HEADERS)

    assert (answer.status_code, answer.content) == (204, b"")
    first, second, third, *again = parts.log.events("events.metric")
    assert first.source == second.source == "remote-write:node/web-1:9100"
    assert first.fields == {
        "metric.name": "up",
        "metric.label.job": "node",
        "metric.label.instance": "web-1:9100",
        "metric.value": 1.0,
    }
    assert round(second.time.timestamp() * 1000) == NOW + 15_000
    assert third.source == "remote-write:good-token"
    assert third.fields["metric.value"] == "+Inf"
    assert len(again) == 3
    assert len({event.id for event in parts.log.events("events.metric")}) == 6


async def test_an_unbelievable_time_is_kept_beside_ours() -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        await client.post(PATH, content=snappy(write_request([(UP, [(1, 0)])])), headers=HEADERS)

    (event,) = parts.log.events("events.metric")
    assert event.time == event.observed_time
    assert "1970-01-01" in str(event.fields["time_error"])


async def test_invalid_series_are_told_while_the_valid_are_kept() -> None:
    parts = Parts()
    body = write_request([({"job": "x"}, [(1, NOW), (2, NOW)]), (UP, [(1, NOW), (1, 2**62)])])

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=snappy(body), headers=HEADERS)
        await parts.log.until(lambda log: len(log.on("dead-letter")) == 2)

    assert answer.status_code == 400
    assert "__name__" in answer.json()["detail"]
    assert len(parts.log.events("events.metric")) == 1
    tallies = [dict(record.headers) for record in parts.log.on("dead-letter")]
    told = {one["reason"]: one["dropped"] for one in tallies}
    assert told == {b"invalid_series": b"2", b"invalid_time": b"1"}


async def test_native_histograms_are_counted() -> None:
    parts = Parts()
    body = snappy(write_request([(UP, [])], histograms=3, exemplars=1))

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=body, headers=HEADERS)
        await parts.log.until(lambda log: len(log.on("dead-letter")) == 1)

    assert answer.status_code == 204
    (tally,) = parts.log.on("dead-letter")
    assert dict(tally.headers)["dropped"] == b"3"
    assert dict(tally.headers)["reason"] == b"native_histogram"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xff", {}, 400),
        (b"", {}, 400),
        (snappy(b"\x0a\xff"), {}, 400),
        (snappy(b"x" * (2 << 20)), {}, 413),
        (snappy(b""), {"Content-Encoding": "gzip"}, 415),
        (snappy(b""), {"Content-Type": "application/json"}, 415),
        (
            snappy(b""),
            {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
            415,
        ),
        (snappy(b""), {"Authorization": "Bearer wrong"}, 401),
        (snappy(b""), {}, 204),
    ],
)
async def test_what_is_no_request_is_refused_for_good(
    body: bytes, headers: dict[str, str], status: int
) -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=body, headers={**HEADERS, **headers})

    assert answer.status_code == status
    assert parts.log.on("events.metric") == []


async def test_a_log_that_does_not_answer_is_told_as_503() -> None:
    parts = Parts()
    parts.log.failures.append(BusUnavailable("no broker"))
    body = snappy(write_request([(UP, [(1, NOW)])]))

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=body, headers=HEADERS)

    assert answer.status_code == 503


async def test_samples_that_the_log_refuses_are_not_sent_again() -> None:
    parts = Parts()
    parts.log.failures.append(BusRefused("too large", refused=(0,)))
    body = snappy(write_request([(UP, [(1, NOW)])]))

    async with serving(routes(parts)) as client:
        answer = await client.post(PATH, content=body, headers=HEADERS)

    assert answer.status_code == 400
