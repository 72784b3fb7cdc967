"""Pull Prometheus targets on a schedule; every sample an event, as Prometheus would name it.

Like Prometheus: ``job`` and ``instance`` (the address's host and port) are added to every series,
what a page itself calls so becomes ``exported_job`` and ``exported_instance``; each pull adds
``up``, ``scrape_duration_seconds`` and ``scrape_samples_scraped``. Unlike it: only the text format
0.0.4 is asked for, and a series that is gone from a page gets no staleness marker.

Pages are bounded in bytes, time and samples; targets do not wait for one another.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from urllib.parse import urlsplit

import httpx
import structlog
from prometheus_client.parser import text_string_to_metric_families

from pipeline.bus.producer import OutgoingRecord
from pipeline.collectors.collector import Health, Life
from pipeline.collectors.intake import Intake
from pipeline.collectors.metrics.samples import NAME_LABEL, identify, sample_fields
from pipeline.collectors.recording import Recorder
from pipeline.errors import MessageRejected
from pipeline.metrics import COLLECTOR_SCRAPES
from pipeline.parsing.timestamp import believable, from_epoch
from pipeline.schema.event import Kind
from pipeline.settings import ScrapeSettings, ScrapeTarget

log = structlog.get_logger()

NAME = "scrape"
MAX_SAMPLES = 100_000
_ACCEPT = {"Accept": "text/plain;version=0.0.4", "User-Agent": "tocsin"}

Sampled = tuple[dict[str, str], float, float | None]
"""Labels with ``__name__``, value, and the page's own time of it in seconds, if it has one."""


class ScrapeFailed(MessageRejected):
    """A target did not give a page that can be read; says why."""


class Scraper:
    """The collector that pulls; for the loop.

    Args:
        intake: Where records go.
        recorder: Makes them.
        settings: Targets, interval and limits.
    """

    def __init__(self, intake: Intake, recorder: Recorder, settings: ScrapeSettings) -> None:
        self._intake = intake
        self._recorder = recorder
        self._settings = settings
        self._life = Life(NAME)
        self._down: dict[str, str] = {}

    @property
    def name(self) -> str:
        """``scrape``."""
        return NAME

    def health(self) -> Health:
        """The state of now; a target that is down is told, and is not our ill health."""
        down = "; ".join(f"{url}: {why}" for url, why in sorted(self._down.items()))
        return Health(
            state=self._life.state,
            detail=f"{len(self._settings.targets)} targets" + (f", down: {down}" if down else ""),
        )

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Pull until cancelled."""
        self._life.serve(targets=len(self._settings.targets))
        ready()
        try:
            async with (
                httpx.AsyncClient(headers=_ACCEPT, trust_env=False) as client,
                asyncio.TaskGroup() as tasks,
            ):
                for target in self._settings.targets:
                    tasks.create_task(self._pull(client, target), name=f"scrape-{target.job}")
                await asyncio.get_running_loop().create_future()
        finally:
            self._life.drain()
            self._life.stop()

    async def _pull(self, client: httpx.AsyncClient, target: ScrapeTarget) -> None:
        """Pull one target at its interval, whatever a pull takes; targets are spread over it."""
        loop = asyncio.get_running_loop()
        interval = self._settings.interval.total_seconds()
        due = loop.time() + random.random() * min(interval, 1.0)  # noqa: S311 - no secret
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            due = max(due + interval, loop.time())
            await self.pull_once(client, target)

    async def pull_once(self, client: httpx.AsyncClient, target: ScrapeTarget) -> None:
        """Pull one target now, and hand over what it says."""
        received, begun = self._recorder.now(), time.monotonic()
        labels = {"job": target.job, "instance": urlsplit(target.url).netloc}
        samples: list[Sampled] = []
        try:
            page = await self._page(client, target.url)
            samples = await asyncio.to_thread(parse_page, page)
            self._down.pop(target.url, None)
            outcome = "up"
        except ScrapeFailed as error:
            if target.url not in self._down:
                log.warning("scrape_failed", job=target.job, url=target.url, detail=str(error))
            self._down[target.url] = str(error)
            outcome = "down"
        COLLECTOR_SCRAPES.labels(target.job, outcome).inc()
        reports = (
            ("up", 1.0 if outcome == "up" else 0.0),
            ("scrape_duration_seconds", time.monotonic() - begun),
            ("scrape_samples_scraped", float(len(samples))),
        )
        samples += [({NAME_LABEL: name}, value, None) for name, value in reports]
        if not self._intake.is_full:
            self._intake.submit(NAME, self._records(samples, labels, received))
        else:
            source = f"scrape:{labels['job']}/{labels['instance']}"
            self._intake.tally(NAME, source=source, reason="log_full", count=len(samples))

    async def _page(self, client: httpx.AsyncClient, url: str) -> str:
        """A target's page.

        Raises:
            ScrapeFailed: It did not come, not in time, is too large, or not a success.
        """
        limit = self._settings.max_body_bytes
        pieces: list[bytes] = []
        size = 0
        try:
            async with (
                asyncio.timeout(self._settings.timeout.total_seconds()),
                client.stream("GET", url) as answer,
            ):
                if answer.status_code != 200:
                    raise ScrapeFailed(f"status {answer.status_code}")
                async for piece in answer.aiter_bytes():
                    size += len(piece)
                    if size > limit:
                        raise ScrapeFailed(f"more than {limit} bytes")
                    pieces.append(piece)
        except TimeoutError as error:
            raise ScrapeFailed(f"no answer in {self._settings.timeout}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ScrapeFailed(f"{type(error).__name__}: {error}") from error
        return b"".join(pieces).decode(errors="replace")

    def _records(
        self, samples: list[Sampled], target: Mapping[str, str], received: datetime
    ) -> list[OutgoingRecord]:
        events = []
        for own, value, seconds in samples:
            series = identify(with_target(own, target), collector="scrape", sender="")
            fields = sample_fields(series, value, is_stale=False)
            happened = received
            if seconds is not None:
                happened = believable(from_epoch(seconds), received, fields) or received
            events.append(
                self._recorder.event(
                    Kind.METRIC,
                    time=happened,
                    received=received,
                    source=series.source,
                    fields=fields,
                )
            )
        return self._recorder.records(events, source=events[0].source)


def with_target(own: Mapping[str, str], target: Mapping[str, str]) -> dict[str, str]:
    """A sample's labels and its target's; the target's win, the others are ``exported_``.

    >>> with_target({"__name__": "x", "job": "mine"}, {"job": "node"})
    {'__name__': 'x', 'exported_job': 'mine', 'job': 'node'}
    """
    renamed = {f"exported_{name}" if name in target else name: own[name] for name in own}
    return {**renamed, **target}


def parse_page(page: str) -> list[Sampled]:
    """Every sample of a page in the text format 0.0.4; for a thread, because it takes long.

    Raises:
        ScrapeFailed: The page is not in that format, or has too many samples.
    """
    found: list[Sampled] = []
    try:
        for sample in _samples(page):
            found.append(sample)
            if len(found) > MAX_SAMPLES:
                raise ScrapeFailed(f"more than {MAX_SAMPLES} samples")
    except (ValueError, KeyError, IndexError) as error:
        raise ScrapeFailed(f"not the text format: {error}") from error
    return found


def _samples(page: str) -> Iterator[Sampled]:
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = {NAME_LABEL: sample.name, **sample.labels}
            seconds = None if sample.timestamp is None else float(sample.timestamp)
            yield labels, sample.value, seconds
