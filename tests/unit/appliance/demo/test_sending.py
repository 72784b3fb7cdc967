"""The demo's messages through real collectors, over real sockets, into a log in memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from appliance.demo.day import generate
from appliance.demo.message import DemoMessage, Transport
from appliance.demo.sending import DemoRefused, DemoTargets, send
from pipeline.collectors.clickstream.endpoint import Clickstream
from pipeline.collectors.http.application import Route
from pipeline.collectors.http.json_lines import JsonLines
from pipeline.collectors.metrics.remote_write import RemoteWrite
from pipeline.collectors.syslog.datagrams import SyslogDatagrams
from pipeline.collectors.syslog.listener import SyslogListener
from tests.support.http_listener import Parts, listening

POST = frozenset({"POST"})


@asynccontextmanager
async def collectors(parts: Parts) -> AsyncIterator[DemoTargets]:
    """Syslog over TCP and UDP on one port, and the ingest port."""
    tcp = SyslogListener(
        parts.intake,
        parts.recorder("syslog_tcp"),
        host="127.0.0.1",
        port=0,
        max_message_bytes=65_536,
        max_connections=50,
        idle_timeout=timedelta(minutes=1),
    )
    async with running(tcp):
        udp = SyslogDatagrams(
            parts.intake,
            parts.recorder("syslog_udp"),
            host="127.0.0.1",
            port=tcp.port,
            max_message_bytes=65_536,
            receive_buffer_bytes=8 << 20,
        )
        async with running(udp), listening(routes(parts)) as http:
            yield DemoTargets(
                syslog=("127.0.0.1", tcp.port), http=f"http://127.0.0.1:{http.port}", token="good"
            )


@asynccontextmanager
async def running(collector: SyslogListener | SyslogDatagrams) -> AsyncIterator[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(collector.run(ready=ready.set))
    await ready.wait()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def routes(parts: Parts) -> dict[str, Route]:
    lines = JsonLines(
        parts.intake,
        parts.recorder("http_ndjson"),
        parts.authenticator,
        parts.bodies,
        max_event_bytes=65_536,
    )
    samples = RemoteWrite(
        parts.intake,
        parts.recorder("remote_write"),
        parts.authenticator,
        parts.bodies,
        max_body_bytes=1 << 20,
    )
    clicks = Clickstream(
        parts.intake,
        parts.recorder("clickstream"),
        parts.bodies,
        sites=["default"],
        origins=["*"],
        requests_per_minute=600,
    )
    return {
        "/ingest/ndjson": Route(endpoint=lines, methods=POST),
        "/api/v1/write": Route(endpoint=samples, methods=POST),
        **clicks.routes(),
    }


@cache
def some_of_a_day() -> tuple[DemoMessage, ...]:
    """The two hours before the end, nothing of them left out."""
    end = datetime.now(UTC)
    return tuple(message for message in generate(3, end) if message.time > end - timedelta(hours=2))


async def test_everything_arrives_once_where_it_belongs() -> None:
    parts, messages = Parts(), some_of_a_day()
    sent = Counter(message.transport for message in messages)
    logs = sum(
        sent[transport]
        for transport in (Transport.SYSLOG_TCP, Transport.SYSLOG_UDP, Transport.NDJSON)
    )
    told: list[int] = []

    async with collectors(parts) as targets:
        count = await send(messages, targets, lambda done, _: told.append(done), rate=100_000)
        await parts.log.until(lambda log: len(log.on("events.log")) >= logs)

    assert count == len(messages) == told[-1]
    assert len(parts.log.on("events.log")) == logs
    assert len(parts.log.on("events.metric")) == sent[Transport.REMOTE_WRITE]
    assert len(parts.log.on("events.click")) == sent[Transport.CLICK]
    assert all(
        "parse_error" not in event.fields and "time_error" not in event.fields
        for topic in ("events.log", "events.metric", "events.click")
        for event in parts.log.events(topic)
    )


async def test_samples_and_clicks_keep_their_names_and_times() -> None:
    parts = Parts()
    messages = [
        next(message for message in some_of_a_day() if message.transport is transport)
        for transport in (Transport.REMOTE_WRITE, Transport.CLICK)
    ]

    async with collectors(parts) as targets:
        await send(sorted(messages, key=lambda message: message.time), targets)

    sample, click = parts.log.events("events.metric")[0], parts.log.events("events.click")[0]
    assert str(sample.fields["metric.name"]).startswith("node_")
    assert sample.fields["metric.label.job"] == "node"
    assert click.fields["click.site"] == "default"
    assert click.fields["click.event"] in ("page", "click")
    assert {sample.time, click.time} == {message.time for message in messages}


async def test_a_wrong_token_is_named() -> None:
    parts = Parts()
    messages = [m for m in some_of_a_day() if m.transport is Transport.NDJSON][:1]

    async with collectors(parts) as targets:
        wrong = DemoTargets(syslog=targets.syslog, http=targets.http, token="wrong")
        with pytest.raises(DemoRefused, match="ingest/ndjson: 401"):
            await send(messages, wrong)


async def test_nobody_listening_is_named() -> None:
    messages = [m for m in some_of_a_day() if m.transport is Transport.SYSLOG_TCP][:1]
    async with collectors(Parts()) as targets:
        gone = targets

    with pytest.raises(DemoRefused, match=f"syslog collector at 127.0.0.1:{gone.syslog[1]}"):
        await send(messages, gone)
