"""Pulling targets over real sockets: good pages, bad pages, and none."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from pipeline.collectors.http.application import Route
from pipeline.collectors.http.exchange import Request, Response
from pipeline.collectors.intake import Intake
from pipeline.collectors.metrics.scrape import ScrapeFailed, Scraper, parse_page
from pipeline.schema.event import Event
from pipeline.settings import ScrapeSettings, ScrapeTarget
from tests.support.http_listener import Parts, listening
from tests.support.memory_log import MemoryLog

PAGE = b"""# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{path="/",job="mine"} 5
# TYPE latency_seconds histogram
latency_seconds_bucket{le="+Inf"} 2
latency_seconds_sum 0.25
latency_seconds_count 2
# TYPE odd gauge
odd NaN
stamped 1 %d
"""


def settings(*urls: str, interval: float = 60, timeout: float = 30) -> ScrapeSettings:
    return ScrapeSettings(
        interval=timedelta(seconds=interval),
        timeout=timedelta(seconds=timeout),
        max_body_bytes=10_000,
        targets=tuple(ScrapeTarget(job="web", url=url) for url in urls),
    )


async def pulled(body: bytes, *, status: int = 200, count: int) -> tuple[Parts, Scraper, str]:
    """What a scraper makes of one target's page."""
    parts = Parts()

    async def page(request: Request) -> Response:
        return Response(status, body, b"text/plain; version=0.0.4")

    routes = {"/metrics": Route(endpoint=page, methods=frozenset({"GET"}))}
    async with listening(routes) as listener:
        instance = f"127.0.0.1:{listener.port}"
        scraper = Scraper(
            parts.intake, parts.recorder("scrape"), settings(f"http://{instance}/metrics")
        )
        task = asyncio.create_task(scraper.run(ready=lambda: None))
        await parts.log.until(lambda log: len(log.on("events.metric")) >= count)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return parts, scraper, instance


def by_name(parts: Parts) -> dict[object, Event]:
    return {event.fields["metric.name"]: event for event in parts.log.events("events.metric")}


async def test_every_sample_of_a_page_is_an_event() -> None:
    parts, scraper, instance = await pulled(PAGE % 1_000, count=9)

    found = by_name(parts)
    assert found["requests_total"].fields == {
        "metric.name": "requests_total",
        "metric.value": 5.0,
        "metric.label.path": "/",
        "metric.label.exported_job": "mine",
        "metric.label.job": "web",
        "metric.label.instance": instance,
    }
    assert found["requests_total"].source == f"scrape:web/{instance}"
    assert found["latency_seconds_bucket"].fields["metric.label.le"] == "+Inf"
    assert found["odd"].fields["metric.value"] == "NaN"
    assert "1970" in str(found["stamped"].fields["time_error"])
    assert found["up"].fields["metric.value"] == 1.0
    assert found["scrape_samples_scraped"].fields["metric.value"] == 6.0
    assert scraper.health().detail == "1 targets"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"not { the format", 200), (b"x 1\n" * 5_000, 200), (b"", 500)],
    ids=["format", "large", "status"],
)
async def test_a_bad_page_is_a_target_that_is_down(body: bytes, status: int) -> None:
    parts, scraper, _ = await pulled(body, status=status, count=3)

    found = by_name(parts)
    assert found["up"].fields["metric.value"] == 0.0
    assert found["scrape_samples_scraped"].fields["metric.value"] == 0.0
    assert "down: http://127.0.0.1" in scraper.health().detail
    assert len(found) == 3


async def test_a_target_that_does_not_answer_delays_no_other() -> None:
    parts = Parts()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(never, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    urls = f"http://127.0.0.1:{port}/", "http://127.0.0.1:1/", "nonsense"
    impatient = settings(*urls, interval=0.1, timeout=0.3)
    scraper = Scraper(parts.intake, parts.recorder("scrape"), impatient)
    task = asyncio.create_task(scraper.run(ready=lambda: None))
    await parts.log.until(
        lambda log: len({event.source for event in log.events("events.metric")}) == 3
    )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    silent.close()

    ups = [event for event in parts.log.events("events.metric") if "up" in event.fields.values()]
    assert {event.fields["metric.value"] for event in ups} == {0.0}
    assert {event.source for event in ups} == {
        f"scrape:web/127.0.0.1:{port}",
        "scrape:web/127.0.0.1:1",
        "scrape:web",
    }


def test_a_page_of_too_many_samples_is_refused() -> None:
    with pytest.raises(ScrapeFailed, match="100000 samples"):
        parse_page("x 1\n" * 100_001)


async def test_samples_for_which_there_is_no_room_are_tallied() -> None:
    log = MemoryLog()
    full = Intake(patient=log, hasty=log, max_in_flight_bytes=0)
    target = ScrapeTarget(job="web", url="http://127.0.0.1:1/metrics")
    scraper = Scraper(full, Parts().recorder("scrape"), settings(target.url))

    async with httpx.AsyncClient(trust_env=False) as client:
        await scraper.pull_once(client, target)
    await full.drain(timeout_seconds=30)

    [tally] = log.on("dead-letter")
    headers = dict(tally.headers)
    assert (headers["reason"], headers["dropped"]) == (b"log_full", b"3")
    assert headers["source"] == b"scrape:web/127.0.0.1:1"
    assert log.on("events.metric") == []
