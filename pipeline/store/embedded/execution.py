"""Statements from request to result: lanes, sessions, spooled bodies, cancelling. For the loop.

What blocks runs on the lanes' threads.
"""

import asyncio
import errno
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile

import structlog

from pipeline.metrics import STORE_INSERTED_BYTES, STORE_STATEMENT_SECONDS, STORE_STATEMENTS
from pipeline.store.embedded.admission import Lane
from pipeline.store.embedded.body import Body, Receive
from pipeline.store.embedded.engine import Engine, Session
from pipeline.store.embedded.errors import (
    BAD_ARGUMENTS,
    NOT_ENOUGH_SPACE,
    READONLY,
    ClientGone,
    EngineError,
    Refused,
)
from pipeline.store.embedded.guard import Verdict
from pipeline.store.embedded.parameters import Parameters, session_settings
from pipeline.store.embedded.reply import Reply
from pipeline.store.embedded.statement import InsertHead, is_name

log = structlog.get_logger()

_SPOOLED_AT_ONCE = 1 << 20
_SLOW_SECONDS = 1.0
_LOGGED_CHARACTERS = 300
_KILL = re.compile(
    r"\s*KILL\s+QUERY\s+WHERE\s+query_id\s*=\s*'([\w.:-]+)'(\s+A?SYNC)?\s*;?\s*", re.I
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may cost; the names are ClickHouse's settings.

    Attributes:
        query: For what reads, and for statements that are no INSERT with data.
        insert: For INSERTs that bring their data.
        max_body_bytes: Of one INSERT, unpacked.
    """

    query: dict[str, int]
    insert: dict[str, int]
    max_body_bytes: int


@dataclass(frozen=True, slots=True)
class Lanes:
    """Where statements run.

    Attributes:
        bodies: Bodies of INSERTs, until they are all there.
        inserts: INSERTs that bring their data.
        light: Every other statement until it is judged, and those that read nothing that grows:
            a sink can connect while analysts keep every place among the queries.
        queries: The rest.
    """

    bodies: Lane
    inserts: Lane
    light: Lane
    queries: Lane

    def close(self) -> None:
        """Let their threads end."""
        for lane in (self.bodies, self.inserts, self.light, self.queries):
            lane.close()


@dataclass(frozen=True, slots=True)
class Request:
    """One request, once it is known who asks.

    Attributes:
        readonly: It may only read.
        parameters: As it was sent with.
        format: Of data and results whose statement names none; None for ClickHouse's own choice.
        query_id: Its name, for KILL QUERY.
    """

    readonly: bool
    parameters: Parameters
    format: str | None
    query_id: str

    @property
    def database(self) -> str:
        """The database it wants, empty for the default."""
        return self.parameters.own.get("database", "")

    @property
    def holds_result(self) -> bool:
        """Whether the result shall be kept back until its end is known."""
        return self.parameters.own.get("wait_end_of_query", "0") not in ("0", "")


class Execution:
    """Runs statements.

    Args:
        engine: Open.
        lanes: Where they run.
        limits: What one may cost.
    """

    def __init__(self, engine: Engine, lanes: Lanes, limits: Limits) -> None:
        self._engine = engine
        self._lanes = lanes
        self._limits = limits
        self._running: dict[str, Session] = {}

    async def insert(
        self, request: Request, head: InsertHead, data: bytes, body: Body, reply: Reply
    ) -> None:
        """An INSERT that brings its data, which waits in a file until it is all there.

        So a slow sender holds no place among the inserts, one that goes away has inserted
        nothing, and a large body costs disk and not memory.
        """
        if request.readonly:
            raise Refused(READONLY, "Cannot execute query in readonly mode.")
        settings = session_settings(
            request.parameters.settings, self._limits.insert, readonly=False
        )
        input_format = head.format or request.format or "Values"
        if not is_name(input_format):
            raise Refused(BAD_ARGUMENTS, f"{input_format[:64]!r} is not the name of a format.")
        with TemporaryFile(dir=self._engine.spool_directory, buffering=0) as spool:
            async with self._lanes.bodies.slot():
                await self._spool(data, body, spool.fileno())
            step = self._lanes.inserts.step
            async with self._lanes.inserts.slot(), _measured("inserts", head.target):
                session = await step(self._engine.session)
                async with self._closing(session):
                    await step(session.prepare, settings, request.database)
                    rows = await step(session.insert, head, input_format, spool.fileno())
        await reply.whole(b"", written_rows=rows)

    async def _spool(self, data: bytes, body: Body, spool: int) -> None:
        """Write a body to a file, a mebibyte at a time."""
        held = bytearray(data)
        ended = False
        while not ended:
            part = await body.part()
            ended = not part
            held += part
            if held and (ended or len(held) >= _SPOOLED_AT_ONCE):
                STORE_INSERTED_BYTES.inc(len(held))
                await self._lanes.bodies.step(_write, spool, bytes(held))
                held.clear()

    async def query(self, request: Request, sql: str, receive: Receive, reply: Reply) -> None:
        """Any other statement; what it gives is sent as it comes."""
        kill = None if request.readonly else _KILL.fullmatch(sql)
        if kill:
            await self._kill(kill[1], reply)
            return
        wanted = request.parameters.settings
        settings = session_settings(wanted, self._limits.query, readonly=request.readonly)
        session, verdict = await self._judged(request, sql)
        lane = self._lanes.light if verdict.light else self._lanes.queries
        async with self._closing(session), lane.slot(), _measured(lane.name, sql):
            await lane.step(session.prepare, settings, request.database)
            async with self._cancelled_when_gone(request, session, receive):
                await self._send(request, session, sql, verdict, lane, reply)

    async def _judged(self, request: Request, sql: str) -> tuple[Session, Verdict]:
        """A session, and what the statement may do; no session if it may not."""
        step = self._lanes.light.step
        async with self._lanes.light.slot(), _measured("light", sql):
            session = await step(self._engine.session)
            try:
                return session, await step(session.judge, sql, readonly=request.readonly)
            except BaseException:
                await asyncio.shield(step(session.close))
                raise

    async def _send(
        self,
        request: Request,
        session: Session,
        sql: str,
        verdict: Verdict,
        lane: Lane,
        reply: Reply,
    ) -> None:
        """Run a judged statement and send what it gives."""
        reply.format = verdict.format or request.format or "TabSeparated"
        bound = request.parameters.bound
        await lane.step(session.start, sql, reply.format, bound, selects=verdict.selects)
        reply.begin(hold=request.holds_result)
        while chunk := await lane.step(session.next_chunk):
            await reply.chunk(chunk)
        await reply.end(read_rows=session.rows_read)

    @asynccontextmanager
    async def _closing(self, session: Session) -> AsyncIterator[None]:
        """Close the session in the end, even when we are cancelled."""
        try:
            yield
        finally:
            await asyncio.shield(self._lanes.light.step(session.close))

    @asynccontextmanager
    async def _cancelled_when_gone(
        self, request: Request, session: Session, receive: Receive
    ) -> AsyncIterator[None]:
        """Meanwhile, end the session's statement when its client goes, or when we are cancelled."""

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            await asyncio.to_thread(self._engine.cancel, session)

        watching = asyncio.create_task(watch(), name="store-watch-client")
        self._running[request.query_id] = session
        try:
            yield
        except asyncio.CancelledError:
            await asyncio.to_thread(self._engine.cancel, session)
            raise
        finally:
            self._running.pop(request.query_id, None)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def cancel_queries(self) -> None:
        """End every query that runs; their clients hear that they were cancelled."""
        for session in list(self._running.values()):
            await asyncio.to_thread(self._engine.cancel, session)

    async def _kill(self, query_id: str, reply: Reply) -> None:
        """KILL QUERY by the id the client gave, which chDB does not know."""
        session = self._running.get(query_id)
        if session is not None:
            await asyncio.to_thread(self._engine.cancel, session)
        await reply.whole(f"waiting\t{query_id}\n".encode() if session else b"")


def _write(spool: int, data: bytes) -> None:
    """Append to the spool.

    Raises:
        Refused: The disk is full.
    """
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(spool, view) :]
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Refused(NOT_ENOUGH_SPACE, "the disk has no room for the body.") from error


@asynccontextmanager
async def _measured(lane: str, sql: str) -> AsyncIterator[None]:
    """Count a statement and its time; name the slow and the failed."""
    begun = time.monotonic()
    outcome, code = "cancelled", 0
    try:
        yield
        outcome = "done"
    except EngineError as error:
        outcome, code = "failed", error.code
        raise
    except ClientGone:
        outcome = "client_gone"
        raise
    finally:
        seconds = time.monotonic() - begun
        STORE_STATEMENTS.labels(lane=lane, outcome=outcome).inc()
        STORE_STATEMENT_SECONDS.labels(lane=lane).observe(seconds)
        if outcome != "done" or seconds > _SLOW_SECONDS:
            log.info(
                "store_statement_finished",
                lane=lane,
                outcome=outcome,
                code=code,
                seconds=round(seconds, 3),
                sql=sql[:_LOGGED_CHARACTERS],
            )
