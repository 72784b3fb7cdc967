"""Connections over real sockets, with sessions that answer as the test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from broker_core.errors import CorruptMessage
from broker_core.server.admission import Admission
from broker_core.server.connection import Answer, Limits
from broker_core.server.listener import Listener

Respond = Callable[[bytes], Awaitable[Answer]]


class ScriptedSession:
    """A session whose answers come from a function."""

    def __init__(self, respond: Respond, max_frame_bytes: int = 1000) -> None:
        self._respond = respond
        self.max_frame_bytes = max_frame_bytes
        self.is_over = False
        self.pauses: list[float] = []

    def take_pause(self) -> float:
        return self.pauses.pop() if self.pauses else 0.0

    async def answer(self, frame: bytes) -> Answer:
        return await self._respond(frame)


async def echo(frame: bytes) -> Answer:
    return [frame, memoryview(b"!")]


@asynccontextmanager
async def listening(
    respond: Respond,
    *,
    session: ScriptedSession | None = None,
    requests: int = 10,
    idle_seconds: float = 60,
    max_connections: int = 10,
    drain_seconds: float = 5,
) -> AsyncIterator[Listener]:
    listener = Listener(
        "127.0.0.1",
        0,
        open_session=lambda host: session or ScriptedSession(respond),
        limits=Limits(requests=requests, bytes=10_000, idle_seconds=idle_seconds),
        admission=Admission(connections=max_connections, connections_per_address=max_connections),
        drain_seconds=drain_seconds,
    )
    listener.bind()
    listener.start()
    try:
        yield listener
    finally:
        await listener.stop()


class Client:
    """A client that speaks frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames))

    async def receive(self) -> bytes:
        async with asyncio.timeout(30):
            size = int.from_bytes(await self.reader.readexactly(4), "big")
            return await self.reader.readexactly(size)

    async def is_closed(self) -> bool:
        try:
            async with asyncio.timeout(30):
                return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True


@asynccontextmanager
async def connected(listener: Listener) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def test_requests_are_answered_in_their_order_whatever_finishes_first() -> None:
    first_may_finish = asyncio.Event()

    async def respond(frame: bytes) -> Answer:
        if frame == b"1":
            await first_may_finish.wait()
        if frame == b"3":
            first_may_finish.set()
        return [frame]

    async with listening(respond) as listener, connected(listener) as client:
        client.send(b"1", b"2", b"3")

        assert [await client.receive() for _ in range(3)] == [b"1", b"2", b"3"]


async def test_a_request_without_an_answer_writes_nothing() -> None:
    async def respond(frame: bytes) -> Answer:
        return [] if frame == b"quiet" else [frame]

    async with listening(respond) as listener, connected(listener) as client:
        client.send(b"quiet", b"loud")

        assert await client.receive() == b"loud"


async def test_a_session_that_is_over_is_closed_after_its_last_answer() -> None:
    session = ScriptedSession(echo)

    async def respond(frame: bytes) -> Answer:
        session.is_over = True
        return [frame]

    session._respond = respond
    async with listening(respond, session=session) as listener, connected(listener) as client:
        client.send(b"last")

        assert await client.receive() == b"last"
        assert await client.is_closed()


async def test_a_paused_client_gets_its_answer_at_once_and_the_next_one_later() -> None:
    session = ScriptedSession(echo)
    session.pauses = [0.0, 0.2]
    clock = asyncio.get_running_loop().time
    async with (
        listening(echo, session=session, requests=1) as listener,
        connected(listener) as client,
    ):
        client.send(b"1")
        first = await client.receive()
        began = clock()
        client.send(b"2")
        second = await client.receive()
        took = clock() - began

    assert (first, second) == (b"1!", b"2!")
    assert took > 0.1, "however busy the machine is, a pause is not shorter"


async def test_no_more_requests_are_taken_than_the_limit() -> None:
    in_work = 0
    most = 0
    gate = asyncio.Event()

    async def respond(frame: bytes) -> Answer:
        nonlocal in_work, most
        in_work += 1
        most = max(most, in_work)
        if in_work == 3:
            gate.set()
        await gate.wait()
        await asyncio.sleep(0)
        in_work -= 1
        return [frame]

    async with listening(respond, requests=3) as listener, connected(listener) as client:
        client.send(*(b"%d" % number for number in range(50)))

        answers = [await client.receive() for _ in range(50)]

    assert answers == [b"%d" % number for number in range(50)]
    assert most == 3


async def test_a_frame_over_the_limit_closes_its_sender_only() -> None:
    async with (
        listening(echo) as listener,
        connected(listener) as bad,
        connected(listener) as good,
    ):
        bad.writer.write((1001).to_bytes(4, "big"))
        good.send(b"hello")

        assert await bad.is_closed()
        assert await good.receive() == b"hello!"


@pytest.mark.parametrize("error", [CorruptMessage("no"), RuntimeError("a bug")])
async def test_a_request_that_fails_closes_its_sender_only(error: Exception) -> None:
    async def respond(frame: bytes) -> Answer:
        if frame == b"bad":
            raise error
        return [frame]

    async with (
        listening(respond) as listener,
        connected(listener) as bad,
        connected(listener) as good,
    ):
        bad.send(b"bad")
        good.send(b"good")

        assert await bad.is_closed()
        assert await good.receive() == b"good"


async def test_a_client_too_many_is_turned_away() -> None:
    async with listening(echo, max_connections=1) as listener, connected(listener) as first:
        first.send(b"1")
        assert await first.receive() == b"1!"
        async with connected(listener) as second:
            assert await second.is_closed()
        first.send(b"2")
        assert await first.receive() == b"2!"


async def test_a_silent_client_is_closed() -> None:
    async with listening(echo, idle_seconds=0.1) as listener, connected(listener) as client:
        assert await client.is_closed()


async def test_stopping_finishes_what_is_in_work() -> None:
    started = asyncio.Event()
    finish = asyncio.Event()

    async def respond(frame: bytes) -> Answer:
        started.set()
        await finish.wait()
        return [frame]

    async with listening(respond) as listener, connected(listener) as client:
        client.send(b"last")
        await started.wait()
        stopping = asyncio.create_task(listener.stop())
        await asyncio.sleep(0)
        finish.set()

        assert await client.receive() == b"last"
        await stopping
        assert await client.is_closed()
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection("127.0.0.1", listener.port)


async def test_stopping_does_not_wait_for_ever() -> None:
    async def respond(frame: bytes) -> Answer:
        await asyncio.Event().wait()
        return []

    async with (
        listening(respond, drain_seconds=0.1) as listener,
        connected(listener) as client,
    ):
        client.send(b"stuck")
        async with asyncio.timeout(30):
            await listener.stop()

        assert await client.is_closed()


async def test_a_client_that_goes_away_takes_its_waiting_requests_with_it() -> None:
    gone = asyncio.Event()
    started = asyncio.Event()

    async def respond(frame: bytes) -> Answer:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return []

    async with listening(respond) as listener:
        async with connected(listener) as client:
            client.send(b"wait")
            await started.wait()
        async with asyncio.timeout(30):
            await gone.wait()
