"""Peer: a small Kafka client by which nodes speak to each other and to the controller.

One connection, requests side by side; answers find their request by its correlation id. Whoever
is not answered in time closes the connection, since what comes later could be of another life of
the peer. Connecting anew is the caller's decision.

For the event loop.
"""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any, cast

from broker_core.errors import (
    BrokerError,
    CorruptMessage,
    NetworkException,
    RequestTimedOut,
    SaslAuthenticationFailed,
)
from broker_core.protocol.api_keys import Api
from broker_core.protocol.controller_apis import api_of
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import encode
from broker_core.protocol.framing import FrameDecoder
from broker_core.protocol.headers import read_response_correlation, request_header, response_body
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest

MAX_FRAME_BYTES = 64 << 20
CONNECT_SECONDS = 10.0
_MAX_CORRELATION_ID = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a node signs in with, at the controller and at its siblings (SASL PLAIN).

    Attributes:
        secret: Random, 256 bits; not shown when the value is printed.
    """

    name: str
    secret: str

    def __repr__(self) -> str:
        return f"Credentials(name={self.name!r})"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request without an answer as yet."""

    api: Api
    version: int
    answer: asyncio.Future[Any]


class Peer:
    """A connection to a node or to the controller; made by :meth:`connect`."""

    def __init__(self, wire: "_Wire", client_id: str) -> None:
        self._wire = wire
        self._client_id = client_id
        self._correlation_ids = itertools.cycle(range(1, _MAX_CORRELATION_ID))

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        *,
        credentials: Credentials | None,
        client_id: str,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> "Peer":
        """Connect and sign in; without credentials, stay anonymous.

        Raises:
            NetworkException: Nobody listens there, or not in time.
            SaslAuthenticationFailed: The peer does not know the name or the secret.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, wire = await loop.create_connection(lambda: _Wire(max_frame_bytes), host, port)
        except OSError as error:  # TimeoutError is one, too
            raise NetworkException(f"cannot connect to {host}:{port}: {error}") from error
        peer = cls(wire, client_id)
        if credentials is not None:
            try:
                await peer._sign_in(credentials)
            except BaseException:
                await peer.close()
                raise
        return peer

    @property
    def is_closed(self) -> bool:
        """Whether the connection is gone, by whoever's doing."""
        return self._wire.closed.is_set()

    async def send(self, request: object, version: int, *, timeout_seconds: float) -> Any:
        """Send a request; return its response message, of the type that its API declares.

        An error code inside of the response is the caller's to read.

        Raises:
            NetworkException: The connection is gone; the peer may or may not have done it.
            RequestTimedOut: No answer in time; the connection is closed.
            CorruptMessage: The answer cannot be read; the connection is closed.
        """
        api = api_of(request)
        correlation_id = next(self._correlation_ids)
        header = request_header(api, version, correlation_id, self._client_id)
        parts = [header, *encode(request, version, flexible=api.is_flexible(version))]
        asked = _Asked(api, version, asyncio.get_running_loop().create_future())
        self._wire.ask(correlation_id, asked, parts)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await asked.answer
        except TimeoutError as error:
            late = RequestTimedOut(f"{api.name} was not answered within {timeout_seconds} s")
            self._wire.fail(late)
            raise late from error

    async def close(self) -> None:
        """Close the connection; requests without an answer fail."""
        self._wire.fail(NetworkException("closed by this side"))
        await self._wire.closed.wait()

    async def wait_closed(self) -> None:
        """Return once the connection is gone, by whoever's doing."""
        await self._wire.closed.wait()

    async def _sign_in(self, credentials: Credentials) -> None:
        message = f"\0{credentials.name}\0{credentials.secret}".encode()
        handshake = SaslHandshakeRequest(mechanism="PLAIN")
        answer = await self.send(handshake, 1, timeout_seconds=CONNECT_SECONDS)
        if answer.error_code == 0:
            request = SaslAuthenticateRequest(auth_bytes=message)
            answer = await self.send(request, 2, timeout_seconds=CONNECT_SECONDS)
        if answer.error_code != 0:
            raise SaslAuthenticationFailed(f"{credentials.name} was refused: {answer.error_code}")


class _Wire(asyncio.Protocol):
    """The bytes of one connection: frames out, answers to whoever asked."""

    def __init__(self, max_frame_bytes: int) -> None:
        self._decoder = FrameDecoder(max_frame_bytes=max_frame_bytes)
        self._asked: dict[int, _Asked] = {}
        self._reason: BrokerError = NetworkException("the peer closed the connection")
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has its own class

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._answer(frame)
        except BrokerError as error:
            self.fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()
        asked, self._asked = self._asked, {}
        for each in asked.values():
            if not each.answer.done():
                each.answer.set_exception(self._reason)

    def ask(self, correlation_id: int, asked: _Asked, parts: list[bytes | memoryview]) -> None:
        """Send a request whose answer ``asked`` waits for."""
        if self._transport.is_closing():
            raise NetworkException("the connection is closed")
        self._asked[correlation_id] = asked
        self._transport.writelines([sum(map(len, parts)).to_bytes(4, "big"), *parts])

    def fail(self, reason: BrokerError) -> None:
        """Close at once; who waits for an answer hears why."""
        if not self._transport.is_closing():
            self._reason = reason
            self._transport.abort()

    def _answer(self, frame: bytes) -> None:
        asked = self._asked.pop(read_response_correlation(frame), None)
        if asked is None:
            raise CorruptMessage("an answer that nobody asked for")
        if asked.answer.done():  # whoever asked was cancelled
            return
        api, version = asked.api, asked.version
        try:
            start = response_body(api, version, frame)
            flexible = api.is_flexible(version)
            answer: object = decode(
                api.response, version, flexible=flexible, data=frame, start=start
            )
        except CorruptMessage as error:
            asked.answer.set_exception(error)
            raise
        asked.answer.set_result(answer)
