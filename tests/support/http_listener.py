"""The ingest port on a free port, for tests of what is behind it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count

import httpx

from pipeline.collectors.http.application import Application, Route
from pipeline.collectors.http.authentication import Authenticator
from pipeline.collectors.http.body import BodyReader
from pipeline.collectors.http.server import HttpLimits, HttpListener
from pipeline.collectors.intake import Intake
from pipeline.collectors.recording import Recorder
from pipeline.collectors.spill_over import SpillOver
from pipeline.schema.control import TokenGrant
from pipeline.schema.event import EventIds
from tests.support.memory_log import MemoryLog

BEARER = {"Authorization": "Bearer good"}
LIMITS = HttpLimits(
    max_connections=20,
    max_request_bytes=8 << 20,
    header_timeout=timedelta(seconds=30),
    drain_timeout=timedelta(seconds=5),
)


class KnownTokens:
    """The tokens ``good`` (ingest) and ``reader`` (viewer)."""

    async def grant_of(self, token: str) -> TokenGrant | None:
        """The grant of one of them."""
        roles = {"good": "ingest", "reader": "viewer"}
        if token not in roles:
            return None
        return TokenGrant(id=f"{token}-token", revision=1, digest="", role=roles[token])


class Parts:
    """What endpoints are made of, over a log in memory.

    Attributes:
        log: Where records go.
        intake, authenticator, bodies: As the role would give them.
    """

    def __init__(
        self,
        *,
        max_body_bytes: int = 1 << 20,
        max_buffered_bytes: int = 4 << 20,
        timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self.log = MemoryLog()
        self.intake = Intake(patient=self.log, hasty=self.log, max_in_flight_bytes=8 << 20)
        self.authenticator = Authenticator(KnownTokens())
        self.bodies = BodyReader(
            max_body_bytes=max_body_bytes, max_buffered_bytes=max_buffered_bytes, timeout=timeout
        )

    def recorder(self, collector: str) -> Recorder:
        """A recorder whose ids count up."""
        return Recorder(
            collector,
            ids=EventIds(count(10**18).__next__),
            spill_over=SpillOver(events_per_second=10**6),
        )


@asynccontextmanager
async def serving(
    routes: Mapping[str, Route], limits: HttpLimits = LIMITS
) -> AsyncIterator[httpx.AsyncClient]:
    """A listener that answers these routes, and a client for it."""
    async with listening(routes, limits) as listener:
        url = f"http://127.0.0.1:{listener.port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
            yield client


@asynccontextmanager
async def listening(
    routes: Mapping[str, Route], limits: HttpLimits = LIMITS
) -> AsyncIterator[HttpListener]:
    """A listener that answers these routes."""
    application = Application(routes, max_discarded_bytes=8 << 20)
    listener = HttpListener(application, host="127.0.0.1", port=0, limits=limits)
    ready = asyncio.Event()
    task = asyncio.create_task(listener.run(ready=ready.set))
    await ready.wait()
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
