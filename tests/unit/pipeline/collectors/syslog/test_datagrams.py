"""UDP over real sockets: every datagram a message, what the kernel drops written down."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest

from pipeline.collectors.intake import Intake
from pipeline.collectors.recording import Recorder
from pipeline.collectors.spill_over import SpillOver
from pipeline.collectors.syslog.datagrams import SyslogDatagrams
from pipeline.schema.event import EventIds
from tests.support.memory_log import MemoryLog

MESSAGE = b"<34>1 2026-03-01T12:00:00Z mail sshd 1 - - hello"


@asynccontextmanager
async def listening(
    log: MemoryLog,
    *,
    host: str = "127.0.0.1",
    buffer_bytes: int = 1 << 20,
    max_in_flight_bytes: int = 1 << 20,
) -> AsyncIterator[SyslogDatagrams]:
    intake = Intake(patient=log, hasty=log, max_in_flight_bytes=max_in_flight_bytes)
    recorder = Recorder(
        "syslog_udp",
        ids=EventIds(count(10**18).__next__),
        spill_over=SpillOver(events_per_second=10**6),
    )
    listener = SyslogDatagrams(
        intake,
        recorder,
        host=host,
        port=0,
        max_message_bytes=1_000,
        receive_buffer_bytes=buffer_bytes,
    )
    ready = asyncio.Event()
    task = asyncio.create_task(listener.run(ready=ready.set))
    await ready.wait()
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await intake.drain(timeout_seconds=5)


def send(port: int, *datagrams: bytes, host: str = "127.0.0.1") -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, (host, port))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_every_datagram_is_one_message_of_its_sender(host: str) -> None:
    log = MemoryLog()

    async with listening(log, host=host) as listener:
        send(listener.port, MESSAGE, MESSAGE + b"\n", b"two\nlines\0", host=host)
        await log.until(lambda log: len(log.records) == 3)

    assert [event.raw for event in log.events()] == [MESSAGE, MESSAGE, b"two\nlines"]
    assert {event.source for event in log.events()} == {f"syslog:{host}"}


async def test_datagrams_that_are_too_long_or_empty_become_no_events() -> None:
    log = MemoryLog()

    async with listening(log) as listener:
        send(listener.port, b"", b"\r\n", b"x" * 1_001, MESSAGE)
        await log.until(lambda log: len(log.records) == 2)

    assert [event.raw for event in log.events()] == [MESSAGE]
    (parked,) = log.on("dead-letter")
    assert dict(parked.headers)["reason"] == b"too_long"


async def test_what_the_kernel_drops_is_tallied_and_the_rest_arrives() -> None:
    log = MemoryLog()
    log.open.clear()
    sent = 3_000

    async with listening(log, buffer_bytes=4_096, max_in_flight_bytes=10_000) as listener:
        send(listener.port, *[MESSAGE + b" " * 500] * sent)
        log.open.set()
        await log.until(lambda log: len(log.on("dead-letter")) > 0)
        assert "dropped by the kernel" in listener.health().detail

    dropped = sum(int(dict(one.headers)["dropped"]) for one in log.on("dead-letter"))
    assert dropped > 0
    assert len(log.events()) + dropped == sent
    assert {dict(one.headers)["source"] for one in log.on("dead-letter")} == {b"syslog:unknown"}


async def test_a_stop_takes_what_the_kernel_still_holds() -> None:
    log = MemoryLog()

    async with listening(log) as listener:
        send(listener.port, *[MESSAGE] * 700)

    assert len(log.events()) == 700
