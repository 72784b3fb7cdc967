"""The store's process: open the directory, listen, serve until cancelled, close in order."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Sequence

import structlog
import uvicorn

from pipeline.settings import EmbeddedStoreSettings
from pipeline.store.embedded.accounts import Accounts, StoreAccount
from pipeline.store.embedded.admission import Lane
from pipeline.store.embedded.application import StoreApplication
from pipeline.store.embedded.engine import Engine
from pipeline.store.embedded.execution import Execution, Lanes, Limits

log = structlog.get_logger()

_INSERT_SECONDS = 300
_QUEUE_PER_THREAD = 16
_BODIES = 16
_LIGHT_THREADS = 2
_WAIT_SECONDS = 20.0
_DRAIN_SECONDS = 20
_URL_BYTES = 1 << 20
_KEEP_ALIVE_SECONDS = 75


async def run(
    settings: EmbeddedStoreSettings,
    accounts: Sequence[StoreAccount],
    *,
    ready: Callable[[], None],
) -> None:
    """Own the directory and answer ClickHouse's HTTP interface until cancelled.

    Cancelled, it takes no new statements, ends queries, finishes inserts (20 s at most) and closes
    the directory.

    Args:
        settings: Directory, address and limits.
        accounts: Who may ask.
        ready: Called once statements are answered.

    Raises:
        DirectoryInUse: Another process has the directory open.
        OSError: The address is taken, or the directory cannot be written.
    """
    listening = _listen(settings.host, settings.port)
    with contextlib.closing(listening):
        engine = await asyncio.to_thread(
            Engine, settings.directory, memory_bytes=settings.memory_bytes
        )
        try:
            await _serve(engine, settings, accounts, listening, ready)
        finally:
            await asyncio.to_thread(engine.close)
            log.info("store_closed", directory=str(settings.directory))


async def _serve(
    engine: Engine,
    settings: EmbeddedStoreSettings,
    accounts: Sequence[StoreAccount],
    listening: socket.socket,
    ready: Callable[[], None],
) -> None:
    lanes = Lanes(
        bodies=_lane("bodies", _BODIES),
        inserts=_lane("inserts", settings.insert_threads),
        light=_lane("light", _LIGHT_THREADS),
        queries=_lane("queries", settings.query_threads),
    )
    limits = _limits(settings)
    execution = Execution(engine, lanes, limits)
    application = StoreApplication(
        execution,
        Accounts(accounts),
        version=engine.version,
        timezone=engine.timezone,
        max_body_bytes=limits.max_body_bytes,
    )
    server = _Server(_configuration(application), on_started=ready)
    log.info(
        "store_opened",
        directory=str(settings.directory),
        address=f"{settings.host}:{listening.getsockname()[1]}",
        version=engine.version,
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="store-http")
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await execution.cancel_queries()
        await asyncio.wait([serving])
        lanes.close()


def _limits(settings: EmbeddedStoreSettings) -> Limits:
    """What a statement may cost, so that all lanes full at once still fit.

    A quarter of the memory stays with inserts, merges and caches; queries share the rest, and
    spill to disk before they reach their limit.
    """
    reserved = settings.memory_bytes // 4
    shared = (settings.memory_bytes - reserved) // settings.query_threads
    memory = min(settings.query_memory_bytes, shared)
    return Limits(
        query={
            "max_memory_usage": memory,
            "max_execution_time": settings.query_seconds,
            "max_threads": os.cpu_count() or 1,
            "max_bytes_before_external_group_by": memory // 2,
            "max_bytes_before_external_sort": memory // 2,
            "memory_overcommit_ratio_denominator": 1 << 20,
            "cancel_http_readonly_queries_on_client_close": 1,
            "max_ast_depth": 1000,
            "allow_python_table_function": 0,
        },
        insert={
            "async_insert": 0,
            "max_memory_usage": reserved,
            "max_execution_time": _INSERT_SECONDS,
            # 0: never the one to be stopped when the engine as a whole runs out.
            "memory_overcommit_ratio_denominator": 0,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
        },
        max_body_bytes=settings.max_insert_bytes,
    )


def _lane(name: str, threads: int) -> Lane:
    return Lane(
        name,
        threads=threads,
        waiting=threads * _QUEUE_PER_THREAD,
        wait_seconds=_WAIT_SECONDS,
    )


def _configuration(application: StoreApplication) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="h11",  # bounds the request line, where httptools does not
        h11_max_incomplete_event_size=_URL_BYTES,
        loop="none",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, before the second that opening takes: a taken port fails at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio does not switch Nagle's algorithm off, and each answer, sent as
    # head and body, waits 40 ms for the client's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    return listening


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the role's own task is cancelled instead."""

    def __init__(self, config: uvicorn.Config, *, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_started()
