"""One client: read frames, hand them to its session, write the answers in request order.

Requests of one client are worked on side by side, in the order they came as far as they do not
wait; their answers go out in that order. Reading stops while too much is in work or the client
does not read its answers, so a client can fill its own limits and nobody else's.

For the event loop; independent of which one it is.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import structlog

from broker_core import metrics
from broker_core.errors import BrokerError, FrameTooLarge
from broker_core.protocol.framing import FrameDecoder
from broker_core.server.tls import subject_name

log = structlog.get_logger()

Answer = Sequence[bytes | memoryview]


class Session(Protocol):
    """What a connection needs to know of the protocol above frames."""

    @property
    def max_frame_bytes(self) -> int:
        """Largest frame the client may send as things stand."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the connection is to be closed after the answers it has been promised."""
        ...

    def take_pause(self) -> float:
        """Return for how many seconds nothing more is to be read, once; asked after an answer."""
        ...

    async def answer(self, frame: bytes) -> Answer:
        """Return the answer to a request in pieces, none if it is not answered.

        Raises:
            BrokerError: The connection is of no more use.
        """
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end.

    Attributes:
        host: Its address.
        subject: Of the certificate it showed over TLS, if our CA signed it (RFC 2253).
    """

    host: str
    subject: str | None = None


OpenSession = Callable[[Peer], Session]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection may occupy.

    Attributes:
        requests: Requests in work before its socket is not read.
        bytes: Bytes of requests in work before it is not read.
        idle_seconds: A connection without a complete request for this long may be closed.
    """

    requests: int
    bytes: int
    idle_seconds: float


class _Slot:
    """The place of an answer in the order of requests."""

    __slots__ = ("answer", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.answer: Answer | None = None


class Connection(asyncio.Protocol):
    """The broker's side of one TCP connection.

    Attributes:
        peer: The client's address.
        is_open: Whether there has been a client, and its TLS handshake is done.
        last_request: When its last request came, by the loop's clock.
    """

    def __init__(
        self,
        open_session: OpenSession,
        limits: Limits,
        opened: Callable[["Connection"], None],
        closed: Callable[["Connection"], None],
    ) -> None:
        """Wait for the transport.

        Args:
            opened: Told once connected.
            closed: Told once the connection is gone.
        """
        self._open_session = open_session
        self._limits = limits
        self._opened = opened
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._decoder = FrameDecoder(max_frame_bytes=0)
        self._waiting: deque[bytes] = deque()
        self._slots: deque[_Slot] = deque()
        self._bytes_in_work = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = True
        self._writable = True
        self._draining = False
        self._pauses = 0
        self.last_request = self._loop.time()
        self.peer = ""
        self.is_open = False

    # -- called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; over TLS the handshake is done."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop has its own class
        address = transport.get_extra_info("peername")
        self.peer = address[0] if address else ""
        subject = subject_name(transport.get_extra_info("peercert") or {})
        self._session = self._open_session(Peer(self.peer, subject))
        self.is_open = True
        self._opened(self)

    def data_received(self, data: bytes) -> None:
        """Start work on every request that is complete now."""
        self._decoder.max_frame_bytes = self._session.max_frame_bytes
        try:
            frames = self._decoder.feed(data)
        except FrameTooLarge as error:
            self.refuse("frame_too_large", str(error))
            return
        self._waiting.extend(frames)
        self._regulate()

    def pause_writing(self) -> None:
        """The client does not read its answers: do not read its requests."""
        self._writable = False
        self._regulate()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writable = True
        self._regulate()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting on behalf of a client that is gone; what was appended stays."""
        for task in self._tasks:
            task.cancel()
        self._closed(self)

    # -- called by the listener

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in work and no request came for too long."""
        silent = self._loop.time() - self.last_request
        return not self._slots and silent > self._limits.idle_seconds

    def refuse(self, reason: str, detail: str) -> None:
        """Close at once, saying why in log and metrics."""
        if self._transport.is_closing():
            return
        metrics.CONNECTIONS_REFUSED.labels(reason=reason).inc()
        log.warning("connection_refused", peer=self.peer, reason=reason, detail=detail)
        self._transport.abort()

    def abort(self) -> None:
        """Close at once; requests still in work are given up."""
        self._transport.abort()

    async def drain(self) -> None:
        """Read no more, finish what is in work, then close."""
        self._draining = True
        self._regulate()
        while self._tasks:
            await asyncio.wait(self._tasks)
        self._transport.close()

    # -- work

    def _start(self, frame: bytes) -> None:
        slot = _Slot(len(frame))
        self._slots.append(slot)
        self._bytes_in_work += slot.size
        self.last_request = self._loop.time()
        task = self._loop.create_task(self._work(frame, slot), name="kafka-request")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, frame: bytes, slot: _Slot) -> None:
        try:
            slot.answer = await self._session.answer(frame)
        except BrokerError as error:
            self.refuse(error.code.name.lower(), str(error))
        except Exception as error:  # one client's request must not stop the others
            log.exception("request_failed", peer=self.peer)
            self.refuse("request_failed", type(error).__name__)
        else:
            self._send()
            self._pause(self._session.take_pause())
            self._regulate()

    def _send(self) -> None:
        """Write every answer that no earlier request holds back."""
        pieces: list[bytes | memoryview] = []
        while self._slots and (answer := self._slots[0].answer) is not None:
            self._bytes_in_work -= self._slots.popleft().size
            if answer:
                pieces.append(sum(map(len, answer)).to_bytes(4, "big"))
                pieces += answer
        if pieces and not self._transport.is_closing():
            self._transport.writelines(pieces)
        if self._session.is_over and not self._slots:
            self._transport.close()

    def _pause(self, seconds: float) -> None:
        """Read nothing and begin nothing for a while."""
        if seconds > 0:
            self._pauses += 1
            self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._pauses -= 1
        self._regulate()

    def _regulate(self) -> None:
        """Start what there is room for; read on only when nothing waits for room."""
        if self._transport.is_closing():
            return
        while self._waiting and self._has_room() and not self._draining:
            self._start(self._waiting.popleft())
        reading = self._writable and not self._waiting and self._has_room() and not self._draining
        if reading == self._reading:
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _has_room(self) -> bool:
        return (
            not self._pauses
            and len(self._slots) < self._limits.requests
            and self._bytes_in_work < self._limits.bytes
        )
