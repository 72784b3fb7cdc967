"""The collectors role: every collector of this process around one intake.

At a stop the order is: senders are refused and what they have sent is read, what is inside is
acknowledged by the log, then the connections to the log are closed.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import structlog

from pipeline.bus.control import ControlFollower
from pipeline.bus.credentials import Tokens
from pipeline.bus.producer import Producer
from pipeline.collectors import kafka
from pipeline.collectors.clickstream import endpoint
from pipeline.collectors.clickstream.endpoint import Clickstream
from pipeline.collectors.collector import Collector
from pipeline.collectors.http import json_lines
from pipeline.collectors.http.application import Application, Route
from pipeline.collectors.http.authentication import Authenticator
from pipeline.collectors.http.body import BodyReader
from pipeline.collectors.http.json_lines import JsonLines
from pipeline.collectors.http.server import HttpLimits, HttpListener
from pipeline.collectors.intake import Intake
from pipeline.collectors.kafka import KafkaCollector
from pipeline.collectors.metrics import remote_write, scrape
from pipeline.collectors.metrics.remote_write import RemoteWrite
from pipeline.collectors.metrics.scrape import Scraper
from pipeline.collectors.recording import Recorder
from pipeline.collectors.spill_over import SpillOver
from pipeline.collectors.syslog.datagrams import SyslogDatagrams
from pipeline.collectors.syslog.listener import SyslogListener
from pipeline.schema.event import EventIds
from pipeline.settings import HttpIngestSettings, PipelineSettings, SyslogSettings

log = structlog.get_logger()

CLIENT_ID = "tocsin-collectors"
PATIENT_DELIVERY_MS = 2**31 - 1  # librdkafka's longest: what nobody sends again is never given up


class CollectorsRole:
    """All collectors that the settings ask for.

    Args:
        settings: What listens where, and the log.
    """

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._collectors: Sequence[Collector] = ()

    def health(self) -> tuple[bool, Mapping[str, object]]:
        """Whether every collector serves, and the state of each, for ``/healthz``."""
        states = {one.name: one.health() for one in self._collectors}
        healthy = bool(states) and all(one.state == "serving" for one in states.values())
        return healthy, {
            name: {"state": one.state, "address": one.address, "detail": one.detail}
            for name, one in states.items()
        }

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Collect until cancelled, then drain.

        Args:
            ready: Called once, when every collector serves.

        Raises:
            OSError: An address cannot be listened on.
        """
        settings = self._settings
        async with AsyncExitStack() as stack:
            follower = ControlFollower(settings.bus, client_id=f"{CLIENT_ID}-control")
            tokens = Tokens(await stack.enter_async_context(follower))
            patient, intake = await self._open_intake(stack)
            self._collectors = self._build(intake, tokens, patient)
            try:
                await run_together(self._collectors, ready=ready)
            finally:
                await intake.drain(timeout_seconds=settings.intake.drain_timeout.total_seconds())
                log.info("collectors_drained")

    async def _open_intake(self, stack: AsyncExitStack) -> tuple[Producer, Intake]:
        settings = self._settings
        patient = Producer(
            settings.bus, client_id=CLIENT_ID, delivery_timeout_ms=PATIENT_DELIVERY_MS
        )
        hasty = Producer(
            settings.bus,
            client_id=f"{CLIENT_ID}-http",
            delivery_timeout_ms=int(settings.intake.answer_timeout.total_seconds() * 1_000),
        )
        intake = Intake(
            patient=await stack.enter_async_context(patient),
            hasty=await stack.enter_async_context(hasty),
            max_in_flight_bytes=settings.intake.max_in_flight_bytes,
        )
        return patient, intake

    def _build(self, intake: Intake, tokens: Tokens, patient: Producer) -> list[Collector]:
        settings = self._settings
        ids = EventIds(time.time_ns)
        spill_over = SpillOver(events_per_second=settings.intake.spill_over_events)

        def recorder(collector: str) -> Recorder:
            return Recorder(collector, ids=ids, spill_over=spill_over)

        return [
            *syslog_collectors(settings.syslog, intake, recorder),
            http_collector(settings.http, intake, recorder, tokens),
            Scraper(intake, recorder(scrape.NAME), settings.scrape),
            KafkaCollector(settings.bus, patient, recorder(kafka.NAME)),
        ]


def syslog_collectors(
    settings: SyslogSettings, intake: Intake, recorder: Callable[[str], Recorder]
) -> list[Collector]:
    """UDP and TCP on one port, TLS where there is a certificate."""

    def listener(name: str, port: int, tls: ssl.SSLContext | None) -> SyslogListener:
        return SyslogListener(
            intake,
            recorder(name),
            host=settings.host,
            port=port,
            max_message_bytes=settings.max_message_bytes,
            max_connections=settings.max_connections,
            idle_timeout=settings.idle_timeout,
            tls=tls,
        )

    collectors: list[Collector] = [
        SyslogDatagrams(
            intake,
            recorder("syslog_udp"),
            host=settings.host,
            port=settings.port,
            max_message_bytes=settings.max_message_bytes,
            receive_buffer_bytes=settings.receive_buffer_bytes,
        ),
        listener("syslog_tcp", settings.port, None),
    ]
    if settings.tls_certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        tls.load_cert_chain(settings.tls_certificate, settings.tls_key)
        collectors.append(listener("syslog_tls", settings.tls_port, tls))
    return collectors


def http_collector(
    settings: HttpIngestSettings,
    intake: Intake,
    recorder: Callable[[str], Recorder],
    tokens: Tokens,
) -> HttpListener:
    """Every endpoint of the ingest port."""
    authenticator = Authenticator(tokens)
    bodies = BodyReader(
        max_body_bytes=settings.max_body_bytes,
        max_buffered_bytes=settings.max_buffered_bytes,
        timeout=settings.request_timeout,
    )
    lines = JsonLines(
        intake,
        recorder(json_lines.COLLECTOR),
        authenticator,
        bodies,
        max_event_bytes=settings.max_event_bytes,
    )
    samples = RemoteWrite(
        intake,
        recorder(remote_write.COLLECTOR),
        authenticator,
        bodies,
        max_body_bytes=settings.max_body_bytes,
    )
    clicks = Clickstream(
        intake,
        recorder(endpoint.COLLECTOR),
        bodies,
        sites=settings.click_sites,
        origins=settings.click_origins,
        requests_per_minute=settings.click_requests_per_minute,
    )
    post = frozenset({"POST"})
    routes = {
        json_lines.PATH: Route(endpoint=lines, methods=post),
        remote_write.PATH: Route(endpoint=samples, methods=post),
        **clicks.routes(),
    }
    return HttpListener(
        Application(routes, max_discarded_bytes=settings.max_body_bytes),
        host=settings.host,
        port=settings.port,
        limits=HttpLimits(
            max_connections=settings.max_connections,
            max_request_bytes=settings.max_body_bytes + (1 << 20),
            header_timeout=settings.request_timeout,
            drain_timeout=settings.request_timeout,
        ),
    )


async def run_together(collectors: Sequence[Collector], *, ready: Callable[[], None]) -> None:
    """Run collectors until cancelled or until one fails; all of them drain.

    Raises:
        Exception: What the first one that failed raised.
    """
    missing = len(collectors)

    def one_is_ready() -> None:
        nonlocal missing
        missing -= 1
        if not missing:
            ready()

    try:
        async with asyncio.TaskGroup() as tasks:
            for collector in collectors:
                tasks.create_task(_named(collector, one_is_ready), name=collector.name)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from group


async def _named(collector: Collector, ready: Callable[[], None]) -> None:
    """Run a collector; an address that it cannot have is told with its name."""
    try:
        await collector.run(ready=ready)
    except OSError as error:
        text = f"{collector.name}: {error.strerror or error}"
        raise OSError(error.errno, text) from error
