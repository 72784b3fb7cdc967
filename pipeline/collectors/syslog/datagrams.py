"""Syslog over UDP (RFC 5426): one datagram, one message; nothing is acknowledged.

The socket is drained until it is empty, then left alone for a few milliseconds: a wake-up for
every datagram costs ten times as much and loses half of a burst. What the kernel had to drop, for
lack of buffer, is read from ``/proc/net/udp`` and written down as a tally: nobody knows who
sent it.
"""

import asyncio
import os
import socket
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import structlog

from pipeline.collectors.collector import Health, Life
from pipeline.collectors.intake import Intake
from pipeline.collectors.recording import Recorder
from pipeline.metrics import COLLECTOR_PAUSED
from pipeline.parsing.detect import Dialect

log = structlog.get_logger()

DATAGRAM_BYTES = 65_535
DRAIN_DATAGRAMS = 500
NAP_SECONDS = 0.005
DROPS_EVERY_SECONDS = 1.0
UNKNOWN_SOURCE = "syslog:unknown"
_SO_RCVBUFFORCE = 33  # socket(7); Python has no name for it
_TRAILERS = b"\r\n\0"


class SyslogDatagrams:
    """The collector of datagram senders; for the loop.

    Args:
        intake: Where records go.
        recorder: Makes them; its ``collector`` is ``syslog_udp``.
        host, port: What to listen on; port 0 takes any free one.
        max_message_bytes: Longer messages are parked.
        receive_buffer_bytes: What the kernel may hold for us; it may grant less.
    """

    def __init__(
        self,
        intake: Intake,
        recorder: Recorder,
        *,
        host: str,
        port: int,
        max_message_bytes: int,
        receive_buffer_bytes: int,
    ) -> None:
        self._intake = intake
        self._recorder = recorder
        self._host, self._port = host, port
        self._max_message_bytes = max_message_bytes
        self._receive_buffer_bytes = receive_buffer_bytes
        self._life = Life(recorder.collector)
        self._drops_seen = 0
        self._nap: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        """``syslog_udp``."""
        return self._recorder.collector

    @property
    def port(self) -> int:
        """The port that is listened on, once it serves."""
        return self._port

    def health(self) -> Health:
        """The state of now."""
        return Health(
            state=self._life.state,
            address=f"{self._host}:{self._port}",
            detail=f"{self._drops_seen} datagrams dropped by the kernel",
        )

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Receive until cancelled, then take what the kernel still holds.

        Raises:
            OSError: The address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        listening = open_socket(self._host, self._port, self._receive_buffer_bytes)
        self._port = listening.getsockname()[1]
        self._life.serve(host=self._host, port=self._port)
        loop.add_reader(listening, self._readable, listening)
        ready()
        try:
            while True:
                await asyncio.sleep(DROPS_EVERY_SECONDS)
                self._write_down_drops(listening)
        finally:
            self._life.drain()
            loop.remove_reader(listening)
            if self._nap is not None:
                self._nap.cancel()
            while self._receive(listening):
                pass
            self._write_down_drops(listening)
            listening.close()
            self._life.stop()

    def _readable(self, listening: socket.socket) -> None:
        """Take what is there; then nap, or wait until the log has room."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        if self._intake.is_full:
            COLLECTOR_PAUSED.labels(self.name).inc()
            self._intake.when_room(lambda: self._wake(listening))
            return
        self._receive(listening)
        self._nap = loop.call_later(NAP_SECONDS, self._wake, listening)

    def _wake(self, listening: socket.socket) -> None:
        if self._life.state == "serving":
            asyncio.get_running_loop().add_reader(listening, self._readable, listening)

    def _receive(self, listening: socket.socket) -> int:
        """Take datagrams until there are none or it is the neighbours' turn; how many came."""
        by_sender: defaultdict[str, list[bytes]] = defaultdict(list)
        taken = 0
        receive = listening.recvfrom
        try:
            while taken < DRAIN_DATAGRAMS:
                datagram, sender = receive(DATAGRAM_BYTES)
                taken += 1
                by_sender[sender[0]].append(datagram.rstrip(_TRAILERS))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:  # an ICMP error of an earlier send; the socket goes on
            log.debug("datagram_not_received", detail=str(error))
        for sender_address, messages in by_sender.items():
            self._hand_over(f"syslog:{sender_address}", messages)
        return taken

    def _hand_over(self, source: str, messages: list[bytes]) -> None:
        accepted = []
        for message in messages:
            if not message:
                self._intake.count_dropped(self.name, "empty")
            elif len(message) > self._max_message_bytes:
                detail = f"{len(message)} bytes, {self._max_message_bytes} accepted"
                self._intake.park(
                    self.name, source=source, reason="too_long", detail=detail, head=message
                )
            else:
                accepted.append(message)
        records = self._recorder.logs(accepted, source=source, dialect=Dialect.SYSLOG)
        if records:
            self._intake.submit(self.name, records)

    def _write_down_drops(self, listening: socket.socket) -> None:
        """Turn the kernel's count into a tally."""
        drops = kernel_drops(listening)
        if drops > self._drops_seen:
            count, self._drops_seen = drops - self._drops_seen, drops
            log.warning("datagrams_dropped_by_kernel", count=count)
            self._intake.tally(
                self.name, source=UNKNOWN_SOURCE, reason="kernel_buffer_full", count=count
            )


def open_socket(host: str, port: int, receive_buffer_bytes: int) -> socket.socket:
    """A bound, non-blocking UDP socket with as much buffer as the kernel grants.

    Raises:
        OSError: The address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_DGRAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        try:  # past net.core.rmem_max, where we may
            listening.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer_bytes)
        except OSError:
            log.debug("receive_buffer_limited", wanted_bytes=receive_buffer_bytes)
        listening.bind((host, port))
    except BaseException:
        listening.close()
        raise
    return listening


def kernel_drops(listening: socket.socket) -> int:
    """Datagrams that the kernel has dropped at this socket; 0 where it does not tell (proc(5))."""
    inode = str(os.fstat(listening.fileno()).st_ino)
    table = "/proc/net/udp6" if listening.family == socket.AF_INET6 else "/proc/net/udp"
    try:
        lines = Path(table).read_text().splitlines()[1:]
    except OSError:
        return 0
    for line in lines:
        columns = line.split()
        if columns[9] == inode:
            return int(columns[12])
    return 0
