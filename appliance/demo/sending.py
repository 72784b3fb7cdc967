"""Send the demo's messages through the real collectors, as their devices would.

Every machine has a TCP connection of its own (octet counting, RFC 6587), the firewall sends
datagrams, Windows events, samples and clicks go over HTTP. The day is sent in slices of half an
hour, all roads of a slice at once and every slice only after the one before, so that what belongs
together arrives together; the rate leaves the detectors time to keep up, so that the break-in's
alerts are there seconds after its messages.
"""

import asyncio
import time as clock
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import cramjam
import httpx

from appliance.demo.message import DemoMessage, Transport

Progress = Callable[[int, datetime], None]

SLICE = timedelta(minutes=30)
RATE = 2_500  # messages a second over all roads
_DATAGRAMS_A_BURST = 25
_BURST_SECONDS = 0.01
_BATCH_MESSAGES = 200
_ATTEMPTS = 6
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTargets:
    """Where the collectors listen.

    Attributes:
        syslog: Host and port, the same for TCP and UDP.
        http: Address of the ingest port, for example ``http://127.0.0.1:8088``.
        token: An ingest token.
        click_site: A write key that the click endpoint accepts.
    """

    syslog: tuple[str, int]
    http: str
    token: str
    click_site: str = "default"


class DemoRefused(Exception):
    """A collector did not take what the demo sent; the message says which and how it answered."""


async def send(
    messages: Iterable[DemoMessage],
    targets: DemoTargets,
    progress: Progress | None = None,
    *,
    rate: float = RATE,
) -> int:
    """Send messages in their order of time; return how many were sent.

    Args:
        messages: Ordered by time.
        targets: Where to.
        progress: Called after every slice with what was sent so far and the time reached.
        rate: Messages a second at most.

    Raises:
        DemoRefused: A collector is not there or refuses.
    """
    sent = 0
    headers = {"Authorization": f"Bearer {targets.token}"}
    async with (
        httpx.AsyncClient(
            base_url=targets.http, headers=headers, timeout=60, trust_env=False
        ) as client,
        _Roads(targets, client) as roads,
    ):
        for part in _slices(messages):
            started = clock.monotonic()
            await roads.send(part)
            sent += len(part)
            if progress is not None:
                progress(sent, part[-1].time)
            await asyncio.sleep(max(0.0, len(part) / rate - (clock.monotonic() - started)))
    return sent


def _slices(messages: Iterable[DemoMessage]) -> Iterator[list[DemoMessage]]:
    for _, part in groupby(
        messages, key=lambda message: message.time.timestamp() // SLICE.total_seconds()
    ):
        yield list(part)


class _Roads:
    """The connections to the collectors; for the loop, as a context manager."""

    def __init__(self, targets: DemoTargets, client: httpx.AsyncClient) -> None:
        self._targets = targets
        self._client = client
        self._writers: dict[str, asyncio.StreamWriter] = {}
        self._datagrams: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> "_Roads":
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        for writer in self._writers.values():
            writer.close()
            await writer.wait_closed()

    async def send(self, part: Sequence[DemoMessage]) -> None:
        """Send a slice on all roads at once."""
        by_road: dict[tuple[Transport, str], list[bytes]] = defaultdict(list)
        for message in part:
            own = message.transport is Transport.SYSLOG_TCP
            by_road[message.transport, message.sender if own else ""].append(message.payload)
        try:
            async with asyncio.TaskGroup() as tasks:
                for (transport, sender), payloads in by_road.items():
                    if transport is Transport.SYSLOG_TCP:
                        tasks.create_task(self._stream(sender, payloads))
                    elif transport is Transport.SYSLOG_UDP:
                        tasks.create_task(self._datagram(payloads))
                    else:
                        tasks.create_task(self._requests(transport, payloads))
        except ExceptionGroup as group:
            first = group.exceptions[0]
            if isinstance(first, DemoRefused):
                raise first from None
            if isinstance(first, OSError):
                host, port = self._targets.syslog
                raise DemoRefused(f"the syslog collector at {host}:{port}: {first}") from first
            raise

    async def _stream(self, sender: str, payloads: Sequence[bytes]) -> None:
        writer = self._writers.get(sender)
        if writer is None:
            _, writer = await asyncio.open_connection(*self._targets.syslog)
            self._writers[sender] = writer
        for begin in range(0, len(payloads), _BATCH_MESSAGES):
            part = payloads[begin : begin + _BATCH_MESSAGES]
            writer.write(b"".join(b"%d %b" % (len(payload), payload) for payload in part))
            await writer.drain()

    async def _datagram(self, payloads: Sequence[bytes]) -> None:
        """In small bursts: a datagram that finds the receiver's buffer full is lost."""
        if self._datagrams is None:
            loop = asyncio.get_running_loop()
            self._datagrams, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=self._targets.syslog
            )
        for begin in range(0, len(payloads), _DATAGRAMS_A_BURST):
            for payload in payloads[begin : begin + _DATAGRAMS_A_BURST]:
                self._datagrams.sendto(payload)
            await asyncio.sleep(_BURST_SECONDS)

    async def _requests(self, transport: Transport, payloads: Sequence[bytes]) -> None:
        for begin in range(0, len(payloads), _BATCH_MESSAGES):
            part = payloads[begin : begin + _BATCH_MESSAGES]
            if transport is Transport.NDJSON:
                await self._post("/ingest/ndjson", b"\n".join(part), _NDJSON)
            elif transport is Transport.REMOTE_WRITE:
                body = bytes(cramjam.snappy.compress_raw(b"".join(part)))
                await self._post("/api/v1/write", body, _REMOTE_WRITE)
            else:
                key = self._targets.click_site.encode()
                body = b'{"writeKey":"%b","batch":[%b]}' % (key, b",".join(part))
                await self._post("/v1/batch", body, _CLICKS)

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Post until it is taken; 429 and 5xx mean: later."""
        answer = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_PATIENCE_SECONDS * attempt)
            try:
                response = await self._client.post(path, content=body, headers=headers)
            except httpx.TransportError as error:
                answer = f"{type(error).__name__} {error}".strip()
                continue
            if response.is_success:
                return
            answer = f"{response.status_code} {response.text[:300]}"
            if response.status_code != 429 and response.status_code < 500:
                break
        raise DemoRefused(f"{self._targets.http}{path}: {answer}")


_NDJSON = {"Content-Type": "application/x-ndjson"}
_CLICKS = {"Content-Type": "application/json"}
_REMOTE_WRITE = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
