"""ClickHouse's HTTP interface as an ASGI application over an Engine.

``POST /`` with a statement as body, or as ``query`` with data as body; ``GET /`` reads only;
``/ping``. Results come in the FORMAT of the statement, of ``default_format`` or of
``X-ClickHouse-Format``, else as TabSeparated. Errors are ClickHouse's own text with
``X-ClickHouse-Exception-Code``; one in mid-result is an ``__exception__`` block marked by the
tag in ``X-ClickHouse-Exception-Tag``.

Not done: sessions and temporary tables (``session_id`` is ignored), external data and other
multipart forms, compressed results, native blocks with ``compress``/``decompress``, progress
headers, ``/replicas_status``, predefined queries.

For the event loop; what blocks runs on the lanes' threads.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import structlog

from pipeline.metrics import STORE_INSERTED_BYTES, STORE_STATEMENT_SECONDS, STORE_STATEMENTS
from pipeline.store.embedded.accounts import Accounts, StoreAccount, credentials
from pipeline.store.embedded.admission import Lane
from pipeline.store.embedded.body import Body, Receive
from pipeline.store.embedded.engine import Engine, Session
from pipeline.store.embedded.errors import (
    AUTHENTICATION_FAILED,
    NOT_IMPLEMENTED,
    READONLY,
    REQUIRED_PASSWORD,
    TOO_LARGE,
    ClientGone,
    EngineError,
    Refused,
)
from pipeline.store.embedded.parameters import Parameters, session_settings, sort_parameters
from pipeline.store.embedded.reply import Reply, Send
from pipeline.store.embedded.statement import InsertHead, insert_head, is_insert

log = structlog.get_logger()

_HEAD_BYTES = 1 << 20
_IDLE_SECONDS = 30.0
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
class _Request:
    """One request, once it is known who asks."""

    account: StoreAccount
    readonly: bool
    parameters: Parameters
    format: str
    query_id: str


class StoreApplication:
    """The ASGI application.

    Args:
        engine: Open.
        accounts: Who may ask.
        inserts, queries: The lanes statements run in.
        limits: What one statement may cost.
    """

    def __init__(
        self, engine: Engine, accounts: Accounts, inserts: Lane, queries: Lane, limits: Limits
    ) -> None:
        self._engine = engine
        self._accounts = accounts
        self._inserts = inserts
        self._queries = queries
        self._limits = limits
        self._running: dict[str, Session] = {}

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        reply = Reply(send, self._engine.version, self._engine.timezone)
        try:
            await self._answer(scope, receive, reply)
        except ClientGone:
            STORE_STATEMENTS.labels(lane="any", outcome="client_gone").inc()
        except EngineError as error:
            await reply.fail(error)

    async def _answer(
        self, scope: MutableMapping[str, Any], receive: Receive, reply: Reply
    ) -> None:
        if scope["path"] == "/ping":
            await reply.whole(b"Ok.\n")
        elif scope["path"] not in ("/", ""):
            await reply.whole(b"There is no handle " + scope["raw_path"][:256] + b"\n", status=404)
        elif scope["method"] not in ("GET", "POST", "HEAD"):
            await reply.whole(b"GET and POST are answered here.\n", status=405)
        else:
            await self._statement(scope, receive, reply)

    async def _statement(
        self, scope: MutableMapping[str, Any], receive: Receive, reply: Reply
    ) -> None:
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        request = self._request(scope["method"], headers, pairs)
        reply.query_id = request.query_id
        if headers.get("content-type", "").startswith("multipart/"):
            raise Refused(NOT_IMPLEMENTED, "multipart forms are not read here.")
        body = Body(
            receive,
            encoding=headers.get("content-encoding", ""),
            max_bytes=self._limits.max_body_bytes,
            idle_seconds=_IDLE_SECONDS,
        )
        query = request.parameters.own.get("query", "").encode("utf-8", "surrogateescape")
        if not query and scope["method"] == "GET":
            await reply.whole(b"Ok.\n")
            return
        head, is_all = await body.head(_HEAD_BYTES)
        if is_insert(query or head):
            text = query + b"\n" + head if query else head
            insert = insert_head(query or head)
            if insert is not None:
                data = (
                    head if query and insert.data_start >= len(query) else text[insert.data_start :]
                )
                await self._insert(request, insert, data, body, reply)
                return
        if not is_all:
            raise Refused(TOO_LARGE, f"statements end at {_HEAD_BYTES} bytes.")
        await self._query(request, (query + b"\n" + head if query else head), receive, reply)

    def _request(
        self, method: str, headers: dict[str, str], pairs: list[tuple[str, str]]
    ) -> _Request:
        """Who asks, and for what.

        Raises:
            Refused: Nobody we know.
        """
        parameters = sort_parameters(pairs)
        given = credentials(headers, parameters.own)
        if given is None:
            raise Refused(REQUIRED_PASSWORD, "Authentication required.")
        account = self._accounts.sign_in(*given)
        if account is None:
            log.warning("store_sign_in_refused", user=given[0][:64])
            raise Refused(
                AUTHENTICATION_FAILED,
                f"{given[0][:64]}: Authentication failed: password is incorrect, or there is no"
                " user with such name.",
            )
        own = parameters.own
        return _Request(
            account=account,
            readonly=account.readonly or method != "POST",
            parameters=parameters,
            format=own.get("default_format")
            or headers.get("x-clickhouse-format")
            or "TabSeparated",
            query_id=own.get("query_id") or headers.get("x-clickhouse-query-id") or str(uuid4()),
        )

    async def _insert(
        self, request: _Request, insert: InsertHead, data: bytes, body: Body, reply: Reply
    ) -> None:
        """An INSERT that brings its data: handed on part by part, in constant memory."""
        if request.readonly:
            raise Refused(READONLY, "Cannot execute query in readonly mode.")
        settings = session_settings(
            request.parameters.settings, self._limits.insert, readonly=False
        )
        database = request.parameters.own.get("database", "")
        input_format = insert.format or request.parameters.own.get("default_format") or "Values"
        async with self._inserts.slot(), self._measured("inserts", insert.statement):
            step = self._inserts.step
            session = await step(self._engine.session)
            try:
                await step(session.prepare, settings, database)
                await step(session.begin_insert, insert.statement, input_format)
                part = data or await body.part()
                while part:
                    STORE_INSERTED_BYTES.inc(len(part))
                    await step(session.append, part)
                    part = await body.part()
                rows = await step(session.finish_insert)
            finally:
                await asyncio.shield(step(session.close))
        await reply.whole(b"", written_rows=rows)

    async def _query(
        self, request: _Request, statement: bytes, receive: Receive, reply: Reply
    ) -> None:
        """Any other statement; what it gives is sent as it comes."""
        sql = statement.decode("utf-8", "replace").strip()
        settings = session_settings(
            request.parameters.settings, self._limits.query, readonly=request.readonly
        )
        kill = None if request.readonly else _KILL.fullmatch(sql)
        if kill:
            await self._kill(kill[1], reply)
            return
        async with self._queries.slot(), self._measured("queries", sql):
            session = await self._queries.step(self._engine.session)
            watch = asyncio.create_task(
                self._cancel_when_gone(receive, session), name="store-watch-client"
            )
            self._running[request.query_id] = session
            try:
                await self._run(request, session, sql, settings, reply)
            except asyncio.CancelledError:
                await asyncio.to_thread(self._engine.cancel, session)
                raise
            finally:
                self._running.pop(request.query_id, None)
                watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watch
                await asyncio.shield(self._queries.step(session.close))

    async def _run(
        self, request: _Request, session: Session, sql: str, settings: dict[str, str], reply: Reply
    ) -> None:
        step = self._queries.step
        verdict = await step(session.judge, sql, readonly=request.readonly)
        await step(session.prepare, settings, request.parameters.own.get("database", ""))
        output = verdict.format or request.format
        reply.format = output
        await step(session.start, sql, output, request.parameters.bound, selects=verdict.selects)
        wait = request.parameters.own.get("wait_end_of_query", "0") not in ("0", "")
        reply.begin(hold=wait)
        while chunk := await step(session.next_chunk):
            await reply.chunk(chunk)
        await reply.end(read_rows=session.rows_read)

    async def _kill(self, query_id: str, reply: Reply) -> None:
        """KILL QUERY by the id the client gave, which chDB does not know."""
        session = self._running.get(query_id)
        if session is not None:
            await asyncio.to_thread(self._engine.cancel, session)
        await reply.whole(f"waiting\t{query_id}\n".encode() if session else b"")

    async def _cancel_when_gone(self, receive: Receive, session: Session) -> None:
        """Cancel the session's statement once the client closes its connection."""
        while (await receive())["type"] != "http.disconnect":
            pass
        await asyncio.to_thread(self._engine.cancel, session)

    @contextlib.asynccontextmanager
    async def _measured(self, lane: str, sql: str) -> Any:
        """Count a statement and its time; name the slow and the failed."""
        begun = time.monotonic()
        outcome = "cancelled"
        code = 0
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
