"""ClickHouse's HTTP interface as an ASGI application: who asks, and for what.

``POST /`` with a statement as body, or as ``query`` with data as body; ``GET /`` reads only;
``/ping``. Results come in the FORMAT of the statement, of ``default_format`` or of
``X-ClickHouse-Format``, else as TabSeparated. Errors are ClickHouse's own text with
``X-ClickHouse-Exception-Code``; one in mid-result is an ``__exception__`` block marked by the
tag in ``X-ClickHouse-Exception-Tag``.

Not done: sessions and temporary tables (``session_id`` is ignored), external tables
in forms, compressed results, native blocks with ``compress``/``decompress``, progress headers,
``/replicas_status``, predefined queries.
"""

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import structlog

from pipeline.metrics import STORE_STATEMENTS
from pipeline.store.embedded.accounts import Accounts, credentials
from pipeline.store.embedded.body import Body, Receive
from pipeline.store.embedded.errors import (
    AUTHENTICATION_FAILED,
    REQUIRED_PASSWORD,
    TOO_LARGE,
    ClientGone,
    EngineError,
    Refused,
)
from pipeline.store.embedded.execution import Execution, Request
from pipeline.store.embedded.form import form_fields
from pipeline.store.embedded.parameters import sort_parameters
from pipeline.store.embedded.reply import Reply, Send
from pipeline.store.embedded.statement import insert_head, is_insert

log = structlog.get_logger()

_HEAD_BYTES = 1 << 20
_IDLE_SECONDS = 30.0
_NAME_CHARACTERS = 64

Scope = MutableMapping[str, Any]


class StoreApplication:
    """The ASGI application.

    Args:
        execution: Runs what is asked.
        accounts: Who may ask.
        version: ClickHouse's, for error texts.
        timezone: Of the engine.
        max_body_bytes: Of one INSERT, unpacked.
    """

    def __init__(
        self,
        execution: Execution,
        accounts: Accounts,
        *,
        version: str,
        timezone: str,
        max_body_bytes: int,
    ) -> None:
        self._execution = execution
        self._accounts = accounts
        self._version = version
        self._timezone = timezone
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        reply = Reply(send, self._version, self._timezone)
        try:
            await self._answer(scope, receive, reply)
        except ClientGone:
            STORE_STATEMENTS.labels(lane="bodies", outcome="client_gone").inc()
        except EngineError as error:
            await reply.fail(error)

    async def _answer(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        if scope["path"] == "/ping":
            await reply.whole(b"Ok.\n")
        elif scope["path"] not in ("/", ""):
            await reply.whole(b"There is no handle " + scope["raw_path"][:256] + b"\n", status=404)
        elif scope["method"] not in ("GET", "POST", "HEAD"):
            await reply.whole(b"GET and POST are answered here.\n", status=405)
        else:
            await self._statement(scope, receive, reply)

    async def _statement(self, scope: Scope, receive: Receive, reply: Reply) -> None:
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        request = self._request(scope["method"], headers, pairs)
        body = Body(
            receive,
            encoding=headers.get("content-encoding", ""),
            max_bytes=self._max_body_bytes,
            idle_seconds=_IDLE_SECONDS,
        )
        content_type = headers.get("content-type", "")
        if content_type.startswith("multipart/"):
            pairs += await self._form(content_type, body)
            request = self._request(scope["method"], headers, pairs)
        reply.query_id = request.query_id
        query = request.parameters.own.get("query", "").encode("utf-8", "surrogateescape")
        if not query and scope["method"] != "POST":
            await reply.whole(b"Ok.\n")
            return
        await self._run(request, query, body, receive, reply)

    async def _form(self, content_type: str, body: Body) -> list[tuple[str, str]]:
        form, is_all = await body.head(_HEAD_BYTES)
        if not is_all:
            raise Refused(TOO_LARGE, f"forms end at {_HEAD_BYTES} bytes.")
        return form_fields(content_type, form)

    async def _run(
        self, request: Request, query: bytes, body: Body, receive: Receive, reply: Reply
    ) -> None:
        """Tell INSERTs that bring data from everything else."""
        head, is_all = await body.head(_HEAD_BYTES)
        text = query or head
        insert = insert_head(text) if is_insert(text) else None
        if insert is not None:
            data = text[insert.data_start :] + (head if query else b"")
            await self._execution.insert(request, insert, data, body, reply)
            return
        if not is_all:
            raise Refused(TOO_LARGE, f"statements end at {_HEAD_BYTES} bytes.")
        whole = query + b"\n" + head if query else head
        sql = whole.decode("utf-8", "replace").strip()
        await self._execution.query(request, sql, receive, reply)

    def _request(
        self, method: str, headers: dict[str, str], pairs: list[tuple[str, str]]
    ) -> Request:
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
            user = given[0][:_NAME_CHARACTERS]
            log.warning("store_sign_in_refused", user=user)
            raise Refused(
                AUTHENTICATION_FAILED,
                f"{user}: Authentication failed: password is incorrect, or there is no user with"
                " such name.",
            )
        own = parameters.own
        return Request(
            readonly=account.readonly or method != "POST",
            parameters=parameters,
            format=own.get("default_format") or headers.get("x-clickhouse-format"),
            query_id=own.get("query_id") or headers.get("x-clickhouse-query-id") or str(uuid4()),
        )
