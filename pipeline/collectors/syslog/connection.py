"""One syslog sender over TCP or TLS: from its bytes to records under way.

A ``BufferedProtocol``: the kernel writes into one buffer that all connections of a listener share,
and a whole chunk's messages become records at once. A sender that has too much under way is
not read from until the log has caught up; its neighbours go on.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, cast

from pipeline.collectors.intake import Intake
from pipeline.collectors.recording import Recorder
from pipeline.collectors.syslog.framing import SyslogFrameDecoder
from pipeline.metrics import COLLECTOR_PAUSED
from pipeline.parsing.detect import Dialect


class Owner(Protocol):
    """What a connection needs of its listener."""

    intake: Intake
    recorder: Recorder
    max_message_bytes: int
    buffer: bytearray

    def opened(self, connection: "SyslogConnection") -> bool:
        """A connection wants to be served; False if there is no room for it."""
        ...

    def closed(self, connection: "SyslogConnection") -> None:
        """A connection has ended."""
        ...


class SyslogConnection(asyncio.BufferedProtocol):
    """The server's half of one connection; for the loop.

    Attributes:
        peer: The sender's address.
        heard: When it last sent something, by the loop's clock, in seconds.
    """

    def __init__(self, owner: Owner, clock: Callable[[], float]) -> None:
        self._owner = owner
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._decoder = SyslogFrameDecoder(max_message_bytes=owner.max_message_bytes)
        self._unacknowledged_bytes = 0
        self._is_paused = False
        self._ended_by_sender = False
        self.peer = "unknown"
        self.heard = clock()

    @property
    def source(self) -> str:
        """The source of its events."""
        return f"syslog:{self.peer}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A sender has connected."""
        stream = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer else "unknown"
        self._transport = stream
        connected = transport.get_extra_info("socket")
        if connected is not None:  # so that a sender which vanished is noticed some day
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if not self._owner.opened(self):
            stream.abort()

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where to receive into; used up again before the loop does anything else."""
        return self._owner.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come: cut them, and hand over what is complete."""
        self.heard = self._clock()
        messages = self._decoder.feed(bytes(memoryview(self._owner.buffer)[:nbytes]))
        self._hand_over(messages)

    def eof_received(self) -> bool:
        """The sender has no more to say; the transport closes itself."""
        self._ended_by_sender = True
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is over, in order or not."""
        by_sender = self._ended_by_sender and error is None
        self._hand_over(self._decoder.finish(by_sender=by_sender))
        self._transport = None
        self._owner.closed(self)

    def stop_sending(self) -> None:
        """Tell the sender that we will close, and go on reading what it has sent.

        A sender that looks (rsyslog does, before each send) connects anew and loses nothing.
        """
        if self._transport is not None and not self._transport.is_closing():
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def close(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.close()

    def _hand_over(self, messages: list[bytes]) -> None:
        intake, recorder = self._owner.intake, self._owner.recorder
        if self._decoder.rejected:
            for rejected in self._decoder.rejected:
                intake.park(
                    recorder.collector,
                    source=self.source,
                    reason=rejected.reason,
                    detail=rejected.detail,
                    head=rejected.head,
                )
            self._decoder.rejected.clear()
        if not messages:
            return
        records = recorder.logs(messages, source=self.source, dialect=Dialect.SYSLOG)
        size = 0

        def acknowledged() -> None:
            self._unacknowledged_bytes -= size
            if self._is_paused:
                self._resume_if_room()

        size = intake.submit(recorder.collector, records, acknowledged)
        self._unacknowledged_bytes += size
        if intake.is_full or self._unacknowledged_bytes >= intake.share_bytes:
            self._pause()

    def _pause(self) -> None:
        if self._is_paused or self._transport is None or self._transport.is_closing():
            return
        self._is_paused = True
        COLLECTOR_PAUSED.labels(self._owner.recorder.collector).inc()
        self._transport.pause_reading()

    def _resume_if_room(self) -> None:
        """Read on once this sender and all of them together have room again."""
        if not self._is_paused or self._transport is None:
            return
        if self._unacknowledged_bytes * 2 >= self._owner.intake.share_bytes:
            return  # its next acknowledgement asks again
        if self._owner.intake.is_full:
            self._owner.intake.when_room(self._resume_if_room)
            return
        self._is_paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
