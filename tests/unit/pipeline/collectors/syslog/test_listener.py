"""The TCP and TLS listener over real sockets, publishing to a log in memory."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

import pytest
import trustme

from pipeline.collectors.intake import Intake
from pipeline.collectors.recording import Recorder
from pipeline.collectors.spill_over import SpillOver
from pipeline.collectors.syslog.listener import SyslogListener
from pipeline.schema.event import EventIds
from tests.support.memory_log import MemoryLog

MESSAGE = b"<34>1 2026-03-01T12:00:00Z mail sshd 1 - - hello"


@asynccontextmanager
async def listening(
    log: MemoryLog,
    *,
    tls: ssl.SSLContext | None = None,
    max_connections: int = 10,
    idle: timedelta = timedelta(minutes=1),
    max_in_flight_bytes: int = 1 << 20,
) -> AsyncIterator[SyslogListener]:
    intake = Intake(patient=log, hasty=log, max_in_flight_bytes=max_in_flight_bytes)
    recorder = Recorder(
        "syslog_tcp",
        ids=EventIds(count(10**18).__next__),
        spill_over=SpillOver(events_per_second=10**6),
    )
    listener = SyslogListener(
        intake,
        recorder,
        host="127.0.0.1",
        port=0,
        max_message_bytes=4096,
        max_connections=max_connections,
        idle_timeout=idle,
        tls=tls,
    )
    serving = asyncio.Event()
    task = asyncio.create_task(listener.run(ready=serving.set))
    await serving.wait()
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await intake.drain(timeout_seconds=5)


async def test_messages_of_both_framings_become_events_of_their_sender() -> None:
    log = MemoryLog()

    async with listening(log) as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(MESSAGE + b"\n%d %s" % (len(MESSAGE), MESSAGE))
        await log.until(lambda log: len(log.records) == 2)
        writer.close()

    events = log.events()
    assert [event.raw for event in events] == [MESSAGE, MESSAGE]
    assert {event.source for event in events} == {"syslog:127.0.0.1"}
    assert {record.key for record in log.records} == {b"syslog:127.0.0.1"}
    assert len({event.id for event in events}) == 2
    assert events[0].fields["program"] == "sshd"


async def test_a_last_line_without_a_trailer_is_a_message() -> None:
    log = MemoryLog()

    async with listening(log) as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(MESSAGE)
        writer.close()
        await log.until(lambda log: len(log.records) == 1)

    assert log.events()[0].raw == MESSAGE


async def test_an_over_long_message_is_parked_and_the_connection_goes_on() -> None:
    log = MemoryLog()

    async with listening(log) as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"10000000 <34>" + b"x" * (10_000_000 - 4) + MESSAGE + b"\n")
        await log.until(lambda log: len(log.records) == 2)
        writer.close()

    (parked,) = log.on("dead-letter")
    headers = dict(parked.headers)
    assert headers["reason"] == b"too_long"
    assert headers["detail"] == b"10000000 bytes announced, 4096 accepted"
    assert parked.value == b"<34>" + b"x" * 2044
    assert [event.raw for event in log.events()] == [MESSAGE]


async def test_what_a_broken_connection_cuts_off_is_parked() -> None:
    log = MemoryLog()

    async with listening(log) as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(MESSAGE + b"\n100 <34>half of it")
        await log.until(lambda log: len(log.records) == 1)
        reset(writer)
        await log.until(lambda log: len(log.records) == 2)

    (parked,) = log.on("dead-letter")
    assert dict(parked.headers)["reason"] == b"cut_off"
    assert parked.value == b"100 <34>half of it"


async def test_garbage_is_kept_raw_and_a_neighbour_is_served() -> None:
    log = MemoryLog()
    garbage = bytes(byte for byte in range(256) if byte not in b"\n\r\0")

    async with listening(log) as listener:
        _, hostile = await asyncio.open_connection("127.0.0.1", listener.port)
        _, neighbour = await asyncio.open_connection("127.0.0.1", listener.port)
        hostile.write(b"<999>bad\n" + garbage + b"\n9999999999 <")
        neighbour.write(MESSAGE + b"\n")
        await log.until(lambda log: len(log.events()) == 3)
        hostile.close()
        neighbour.close()

    by_raw = {event.raw: event.fields for event in log.events()}
    assert "parse_error" in by_raw[b"<999>bad"]
    assert "parse_error" in by_raw[garbage]
    assert "parse_error" not in by_raw[MESSAGE]


async def test_a_sender_is_not_read_from_while_the_log_does_not_answer() -> None:
    log = MemoryLog()
    log.open.clear()
    line = MESSAGE + b"x" * 900 + b"\n"
    sent = 8_000

    async with listening(log, max_in_flight_bytes=256 << 10) as listener:
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(line * sent)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.5)
        assert listener.intake.in_flight_bytes < 1 << 20
        log.open.set()
        await log.until(lambda log: len(log.records) == sent)
        writer.close()

    assert len({event.id for event in log.events()}) == sent


async def test_a_newcomer_is_refused_while_all_others_talk() -> None:
    log = MemoryLog()

    async with listening(log, max_connections=1) as listener:
        _, first = await asyncio.open_connection("127.0.0.1", listener.port)
        first.write(MESSAGE + b"\n")
        await log.until(lambda log: len(log.records) == 1)
        reader, second = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await reader.read() == b""
        first.write(MESSAGE + b"\n")
        await log.until(lambda log: len(log.records) == 2)
        first.close()
        second.close()


async def test_the_most_silent_sender_gives_way_to_a_newcomer() -> None:
    log = MemoryLog()

    async with listening(log, max_connections=1, idle=timedelta(0)) as listener:
        silent, silent_writer = await asyncio.open_connection("127.0.0.1", listener.port)
        _, newcomer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await silent.read() == b""
        newcomer.write(MESSAGE + b"\n")
        await log.until(lambda log: len(log.records) == 1)
        silent_writer.close()
        newcomer.close()


async def test_a_stop_reads_what_senders_have_sent_and_tells_them_to_go() -> None:
    log = MemoryLog()

    async with listening(log) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(MESSAGE + b"\n")
        await log.until(lambda log: len(log.records) == 1)
        writer.write((MESSAGE + b"\n") * 100)

        async def leave_when_told() -> None:
            await reader.read()
            writer.write((MESSAGE + b"\n") * 10)
            writer.close()

        leaving = asyncio.create_task(leave_when_told())
    await leaving

    assert len(log.events()) == 111


async def test_tls_senders_are_read_like_others() -> None:
    log = MemoryLog()
    authority = trustme.CA()
    server, client = (ssl.SSLContext(kind) for kind in (SERVER, CLIENT))
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)

    async with listening(log, tls=server) as listener:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", listener.port, ssl=client, server_hostname="localhost"
        )
        writer.write(b"%d %s" % (len(MESSAGE), MESSAGE))
        await log.until(lambda log: len(log.records) == 1)
        writer.close()
        await writer.wait_closed()

    assert log.events()[0].raw == MESSAGE


async def test_plain_text_on_the_tls_port_harms_nobody() -> None:
    log = MemoryLog()
    authority = trustme.CA()
    server, client = (ssl.SSLContext(kind) for kind in (SERVER, CLIENT))
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)

    async with listening(log, tls=server) as listener:
        plain, plain_writer = await asyncio.open_connection("127.0.0.1", listener.port)
        plain_writer.write(MESSAGE + b"\n")
        await plain.read()
        _, writer = await asyncio.open_connection(
            "127.0.0.1", listener.port, ssl=client, server_hostname="localhost"
        )
        writer.write(MESSAGE + b"\n")
        await log.until(lambda log: len(log.records) == 1)
        plain_writer.close()
        writer.close()
        await writer.wait_closed()


SERVER, CLIENT = ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection off without a FIN."""
    set_option: Callable[..., None] = writer.get_extra_info("socket").setsockopt
    set_option(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
