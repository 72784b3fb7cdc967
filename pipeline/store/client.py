"""A ClickHouse client from a URL; the only module that imports clickhouse_connect.

The same code speaks to the embedded store and to a ClickHouse server. clickhouse-connect's
blocking client is used on a few threads of its own, because its asynchronous one needs a second
HTTP library. For the event loop.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import clickhouse_connect
import structlog
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from clickhouse_connect.driver.httputil import get_pool_manager

from pipeline.errors import PipelineError, StoreRefused, StoreUnavailable
from pipeline.metrics import STORE_CLIENT_ERRORS, STORE_INSERT_SECONDS
from pipeline.settings import StoreSettings
from pipeline.store.native import Rows

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 8
_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 120
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

# ClickHouse's numbers for "not now": trying again later may help.
_PASSING = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE
        159,  # TIMEOUT_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        285,  # TOO_FEW_LIVE_REPLICAS
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        439,  # CANNOT_SCHEDULE_TASK
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        999,  # KEEPER_EXCEPTION
        1001,  # STD_EXCEPTION: among them "no space left on device"
    }
)

Row = Sequence[Any]  # what a SELECT gives; queries.py makes typed values of it


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    """A SELECT of ``queries``, with its values.

    Attributes:
        name: What the query log calls it.
        sql: With ``{name:Type}`` where values go.
        parameters: The values; none is ever written into the SQL.
        seconds: Longest it may run.
        settings: Further ClickHouse settings.
    """

    name: str
    sql: str
    parameters: Mapping[str, object]
    seconds: int = 20
    settings: Mapping[str, object] = field(default_factory=dict)


class StoreClient:
    """Inserts and queries over ClickHouse HTTP; an async context manager.

    The connection is made by the first statement, so a store that is not up yet is an error of
    that statement and not of the client. Each statement is tried once; whoever has a batch to
    keep repeats it with the same token.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-client")
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> "StoreClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close connections once their statements are answered."""
        await asyncio.to_thread(self._pool.shutdown, wait=True)
        if self._client is not None:
            self._client.close()
            self._client = None

    async def insert(self, table: str, rows: Rows, *, token: str) -> None:
        """Insert one batch; returns once the store has acknowledged it.

        A batch with the token of one of the last 10,000 is taken for its repetition and not
        stored again, whatever its rows: a token must name exactly these rows.

        Raises:
            StoreUnavailable: Not known to be stored; repeat it with the same token.
            StoreRefused: The store does not take these rows, now or later.
        """
        if rows.count == 0:
            return
        client = await self._connected()
        with STORE_INSERT_SECONDS.labels(table=table).time():
            await self._call(
                client.raw_insert,
                table,
                list(rows.columns),
                rows.body,
                fmt="Native",
                settings={
                    "insert_deduplication_token": token,
                    "insert_deduplicate": 1,
                    "async_insert": 0,
                    "input_format_native_allow_types_conversion": 1,
                    "deduplicate_blocks_in_dependent_materialized_views": 1,
                },
            )

    async def query(self, query: NamedQuery) -> Sequence[Row]:
        """The rows of a SELECT; it may only read, and only for as long as it says.

        When the waiting task is cancelled, the store is told to stop.

        Raises:
            StoreUnavailable: No answer, or not now (busy, out of memory or time).
            StoreRefused: The store cannot do what is asked.
        """
        client = await self._connected()
        query_id = f"{query.name}-{uuid4()}"
        settings = {
            **query.settings,
            "readonly": 1,
            "max_execution_time": query.seconds,
            "query_id": query_id,
        }
        try:
            result = await self._call(
                client.query, query.sql, parameters=dict(query.parameters), settings=settings
            )
        except asyncio.CancelledError:
            await asyncio.shield(self._kill(client, query_id))
            raise
        rows: Sequence[Row] = result.result_rows
        return rows

    async def command(self, sql: str) -> str:
        """Run a statement that is no SELECT; what it answers, as text.

        Raises:
            StoreUnavailable, StoreRefused: As for ``query``.
        """
        client = await self._connected()
        return str(await self._call(client.command, sql))

    async def ping(self) -> bool:
        """Whether the store answers."""
        try:
            return bool(await self._call((await self._connected()).ping))
        except PipelineError:
            return False

    async def _kill(self, client: Client, query_id: str) -> None:
        with contextlib.suppress(PipelineError):
            await self._call(client.command, f"KILL QUERY WHERE query_id = '{query_id}' ASYNC")

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None:
                self._client = await self._call(_connect, self._settings)
            return self._client

    async def _call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call of clickhouse-connect on our threads; translate what it raises."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, functools.partial(work, *args, **kwargs))
        except ClickHouseError as error:
            translated = _translate(error)
            STORE_CLIENT_ERRORS.labels(error=type(translated).__name__).inc()
            raise translated from error


def _connect(settings: StoreSettings) -> Client:
    """A client with connections for every thread and no session of its own."""
    # An account that may only read may change no setting either: the store's own limits hold
    # then. clickhouse-connect would raise, or warn of every query.
    clickhouse_connect.common.set_setting("invalid_setting_action", "drop")
    logging.getLogger("clickhouse_connect").setLevel(logging.ERROR)
    url = urlsplit(settings.url)
    host = url.hostname or "127.0.0.1"
    return clickhouse_connect.get_client(
        interface=url.scheme,
        host=host,
        port=url.port or (8443 if url.scheme == "https" else 8123),
        username=settings.username,
        password=settings.password.get_secret_value(),
        database=settings.database,
        compress=False if host in _LOOPBACK else "lz4",
        connect_timeout=_CONNECT_SECONDS,
        send_receive_timeout=_ANSWER_SECONDS,
        autogenerate_session_id=False,
        query_retries=0,
        client_name="tocsin",
        pool_mgr=get_pool_manager(maxsize=_THREADS),
    )


def _translate(error: ClickHouseError) -> PipelineError:
    """Our error for one of clickhouse-connect's."""
    code = getattr(error, "code", None)
    if isinstance(error, DatabaseError) and code:
        if code in _PASSING:
            return StoreUnavailable(str(error))
        return StoreRefused(str(error), code=code)
    return StoreUnavailable(str(error))
