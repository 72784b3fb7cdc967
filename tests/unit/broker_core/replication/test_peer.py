"""The client between nodes, against a real broker and against peers that misbehave."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker_core.broker import Broker
from broker_core.errors import (
    BrokerError,
    CorruptMessage,
    FrameTooLarge,
    NetworkException,
    RequestTimedOut,
    SaslAuthenticationFailed,
)
from broker_core.protocol.messages.api_versions import ApiVersionsRequest
from broker_core.protocol.messages.list_groups import ListGroupsRequest
from broker_core.replication.peer import Credentials, Peer
from broker_core.settings import BrokerSettings

CREDENTIALS = Credentials(name="node", secret="s" * 43)
ASK = ApiVersionsRequest(client_software_name="test", client_software_version="1")
Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    digest = hashlib.sha256(CREDENTIALS.secret.encode()).hexdigest()
    settings = BrokerSettings(data_dir=tmp_path / "broker", port=0, users={"node": digest})
    async with Broker(settings) as running:
        yield running


@asynccontextmanager
async def misbehaving(behave: Behave) -> AsyncIterator[Peer]:
    """A peer that reads one request and then does as the test says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(4), "big")
        await reader.readexactly(size)
        try:
            await behave(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    peer = await Peer.connect(
        "127.0.0.1", port, credentials=None, client_id="test", max_frame_bytes=1000
    )
    try:
        yield peer
    finally:
        await peer.close()
        server.close()
        await server.wait_closed()


async def asked_in_vain(behave: Behave, timeout_seconds: float = 30) -> BrokerError:
    async with misbehaving(behave) as peer:
        with pytest.raises(BrokerError) as refused:
            await peer.send(ASK, 3, timeout_seconds=timeout_seconds)
        await peer.wait_closed()
        with pytest.raises(NetworkException):
            await peer.send(ASK, 3, timeout_seconds=30)
    return refused.value


async def test_signs_in_and_answers_find_their_requests(broker: Broker) -> None:
    peer = await Peer.connect("127.0.0.1", broker.port, credentials=CREDENTIALS, client_id="me")

    answers = await asyncio.gather(
        *(peer.send(ASK, version, timeout_seconds=30) for version in (0, 3, 4)),
        peer.send(ListGroupsRequest(states_filter=()), 4, timeout_seconds=30),
    )

    assert [type(each).__name__ for each in answers] == [
        "ApiVersionsResponse",
        "ApiVersionsResponse",
        "ApiVersionsResponse",
        "ListGroupsResponse",
    ]
    assert all(each.error_code == 0 for each in answers)
    await peer.close()
    assert peer.is_closed


async def test_a_wrong_secret_is_told_and_nothing_stays_open(broker: Broker) -> None:
    wrong = Credentials(name="node", secret="wrong")

    with pytest.raises(SaslAuthenticationFailed):
        await Peer.connect("127.0.0.1", broker.port, credentials=wrong, client_id="me")


async def test_nobody_there() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()

    with pytest.raises(NetworkException, match=f"127.0.0.1:{port}"):
        await Peer.connect("127.0.0.1", port, credentials=None, client_id="me")


async def test_a_peer_that_goes_fails_every_request_without_an_answer() -> None:
    async def go(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        return

    assert isinstance(await asked_in_vain(go), NetworkException)


async def test_a_peer_that_is_silent_is_given_up() -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until this side closes

    assert isinstance(await asked_in_vain(wait, timeout_seconds=0.05), RequestTimedOut)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"\x00\x00\x00\x02ab", CorruptMessage),
        (b"\x00\x00\x00\x08\x7f\x00\x00\x00abcd", CorruptMessage),  # an id that nobody used
        (b"\x00\x00\x00\x05\x00\x00\x00\x01a", CorruptMessage),  # cut off
        (b"\x00\x01\x00\x00", FrameTooLarge),
    ],
)
async def test_an_answer_that_makes_no_sense_ends_the_connection(
    answer: bytes, expected: type[BrokerError]
) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()

    assert isinstance(await asked_in_vain(say), expected)


async def test_a_cancelled_request_leaves_the_connection_usable(broker: Broker) -> None:
    peer = await Peer.connect("127.0.0.1", broker.port, credentials=CREDENTIALS, client_id="me")
    given_up = asyncio.ensure_future(peer.send(ASK, 3, timeout_seconds=30))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])

    assert (await peer.send(ASK, 3, timeout_seconds=30)).error_code == 0

    await peer.close()


def test_a_secret_is_not_shown() -> None:
    assert CREDENTIALS.secret not in repr(CREDENTIALS)
