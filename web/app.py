"""create_app(): routes, middleware, static files; run(): serve until cancelled."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
import uvicorn
from fastapi import Depends, FastAPI

from detections.processing import NO_PROCESSING, ProcessingSources
from pipeline.bus.admin import HANGING_SECONDS, Admin
from pipeline.settings import PipelineSettings
from pipeline.store.client import StoreClient
from web import problems
from web.api import routers as api_routers
from web.database.engine import Database
from web.database.outbox import relay
from web.dependencies import Console, signed_in
from web.investigate import open_by_level
from web.operations.accounting import Accountant
from web.operations.log_watch import LogWatch
from web.operations.standing import Watch
from web.operations.tail import Tail
from web.operations.trials import Trials
from web.pages import open_routers, routers
from web.rendering.assets import STATIC, StaticFiles
from web.rulebook import Rulebook
from web.security.guard import Guard
from web.security.sessions import Sessions
from web.settings import WebSettings
from web.streams import routers as stream_routers

log = structlog.get_logger()

DRAIN_SECONDS = 5


def create_app(
    settings: WebSettings,
    pipeline: PipelineSettings,
    rule_directories: Sequence[Path],
    processing: ProcessingSources = NO_PROCESSING,
) -> FastAPI:
    """The console as an ASGI application; its tables are brought up to date first.

    Args:
        settings: The console's own.
        pipeline: Where bus and store are.
        rule_directories: Where the rules lie that the detectors evaluate.
        processing: The placeholders and pipelines that they evaluate them with.
    """
    database = Database(settings.database_url)
    database.migrate()
    console = build_console(settings, pipeline, rule_directories, processing, database)
    watch = console.watch

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(watch.run(), name="watch"),
            asyncio.create_task(console.log_watch.run(), name="log-watch"),
            asyncio.create_task(relay(database, pipeline.bus), name="outbox"),
            asyncio.create_task(console.rulebook.run(), name="rulebook"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await console.trials.close()
            await console.store.close()
            database.close()

    app = FastAPI(
        title="Tocsin", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan
    )
    app.state.console, app.state.settings, app.state.watch = console, settings, watch
    app.state.channels, app.state.closing = {}, asyncio.Event()
    watch.changed = lambda: _wake(app)
    problems.install(app)
    for router in open_routers:
        app.include_router(router, include_in_schema=False)
    for router in api_routers:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (*stream_routers, *routers):
        app.include_router(router, dependencies=[Depends(signed_in)], include_in_schema=False)
    app.add_middleware(Guard, max_body_bytes=settings.max_body_bytes)
    return app


def _wake(app: FastAPI) -> None:
    """Let live pages know at once."""
    for channel in app.state.channels.values():
        channel.wake()


def build_console(
    settings: WebSettings,
    pipeline: PipelineSettings,
    rule_directories: Sequence[Path],
    processing: ProcessingSources,
    database: Database,
) -> Console:
    """Every service, over a database whose tables are up to date."""
    store = StoreClient(pipeline.store)
    admin = Admin(pipeline.bus, client_id="tocsin-console", hanging_seconds=HANGING_SECONDS)
    log_watch = LogWatch(admin)

    async def count_open() -> int:
        return sum((await open_by_level(store, database)).values())

    return Console(
        settings=settings,
        pipeline=pipeline,
        database=database,
        sessions=Sessions(database, settings),
        store=store,
        log_watch=log_watch,
        accountant=Accountant(store, log_watch, retention_days=pipeline.store.retention_days),
        rulebook=Rulebook(rule_directories, processing=processing),
        watch=Watch(settings, count_open),
        tail=Tail(pipeline.bus),
        trials=Trials(database.now),
    )


async def run(
    settings: WebSettings,
    pipeline: PipelineSettings,
    rule_directories: Sequence[Path],
    processing: ProcessingSources = NO_PROCESSING,
    *,
    ready: Callable[[], None],
) -> None:
    """Serve until cancelled; then requests are finished and streams told to come back.

    Args:
        settings: The console's own.
        pipeline: Where bus and store are.
        rule_directories: Where the rules lie that the detectors evaluate.
        processing: The placeholders and pipelines that they evaluate them with.
        ready: Called once requests are answered.
    """
    app = await asyncio.to_thread(create_app, settings, pipeline, rule_directories, processing)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    server = _Embedded(config, on_started=ready)
    serving = asyncio.create_task(server.serve(), name="console")
    try:
        await asyncio.shield(serving)
    finally:
        app.state.closing.set()
        _wake(app)
        server.should_exit = True
        await serving


class _Embedded(uvicorn.Server):
    """A server that says when it serves, and leaves the process's signals to its owner."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            log.info("console_started", host=self.config.host, port=self.config.port)
            self._on_started()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take no signal: the role decides what one means."""
        yield
