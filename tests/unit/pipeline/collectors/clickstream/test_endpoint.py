"""The click endpoints over a real socket: what is kept, who may send, what browsers need."""

import pytest
from prometheus_client import REGISTRY

from pipeline.collectors.clickstream.endpoint import Clickstream
from pipeline.collectors.http.application import Route
from pipeline.errors import BusUnavailable
from tests.support.http_listener import Parts, serving

PAGE = {"writeKey": "shop", "anonymousId": "v1", "context": {"page": {"url": "https://a.example"}}}


def routes(
    parts: Parts, *, origins: tuple[str, ...] = ("*",), per_minute: int = 100
) -> dict[str, Route]:
    return Clickstream(
        parts.intake,
        parts.recorder("clickstream"),
        parts.bodies,
        sites=("shop", "blog"),
        origins=origins,
        requests_per_minute=per_minute,
    ).routes()


async def test_a_message_is_a_click_of_its_site() -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        answer = await client.post("/v1/page", json=PAGE, headers={"User-Agent": "Firefox"})

    assert answer.status_code == 204
    (event,) = parts.log.events("events.click")
    assert (event.kind, event.source) == ("click", "click:shop")
    assert event.fields == {
        "click.site": "shop",
        "click.event": "page",
        "click.visitor": "v1",
        "url.full": "https://a.example",
        "source.ip": "127.0.0.1",
        "user_agent.original": "Firefox",
    }


async def test_a_batch_is_kept_but_for_what_tells_no_click() -> None:
    parts = Parts()
    batch = [{"type": "page"}, "nonsense", {"type": "track", "event": "click"}]
    body = {"writeKey": "shop", "batch": [*batch, {"type": "page", "userId": "x" * 40_000}]}

    async with serving(routes(parts)) as client:
        answer = await client.post("/v1/batch", json=body)
        await parts.log.until(lambda log: len(log.on("dead-letter")) == 2)

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [one["index"] for one in answer.json()["rejected"]] == [1, 3]
    events = parts.log.events("events.click")
    assert [event.fields["click.event"] for event in events] == ["page", "click"]


async def test_segments_libraries_name_the_site_by_basic_authentication() -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        answer = await client.post("/v1/track", json={"event": "Signed Up"}, auth=("blog", ""))

    assert answer.status_code == 204
    assert parts.log.events("events.click")[0].source == "click:blog"


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/v1/page", b'{"writeKey": "other"}', 401),
        ("/v1/page", b"{}", 401),
        ("/v1/page", b"not json", 400),
        ("/v1/page", b"[]", 400),
        ("/v1/track", b'{"writeKey": "shop"}', 400),
        ("/v1/batch", b'{"writeKey": "shop"}', 400),
        ("/v1/batch", b'{"writeKey": "shop", "batch": [' + b"1," * 500 + b"1]}", 400),
        ("/v1/batch", b'{"x": "' + b"x" * (600 << 10) + b'"}', 413),
    ],
)
async def test_what_is_not_right_is_refused(path: str, content: bytes, status: int) -> None:
    parts = Parts()

    async with serving(routes(parts)) as client:
        answer = await client.post(path, content=content, headers={"Origin": "https://a.example"})

    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert parts.log.on("events.click") == []


async def test_the_pixel_answers_with_an_image_once_the_view_is_kept() -> None:
    parts = Parts()
    parts.log.failures.append(BusUnavailable("no broker"))
    headers = {"Referer": "https://shop.example/offers"}

    async with serving(routes(parts)) as client:
        failed = await client.get("/t.gif", params={"k": "shop"}, headers=headers)
        answer = await client.get("/t.gif", params={"k": "shop"}, headers=headers)

    assert failed.status_code == 503
    assert answer.content.startswith(b"GIF89a")
    assert answer.headers["cache-control"] == "no-store"
    assert parts.log.events("events.click")[0].fields["url.full"] == "https://shop.example/offers"


async def test_the_script_is_served_and_not_sent_twice() -> None:
    async with serving(routes(Parts())) as client:
        first = await client.get("/t.js")
        again = await client.get("/t.js", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert b"sendBeacon" in first.content
    assert len(first.content) < 3_000
    assert (again.status_code, again.content) == (304, b"")


async def test_only_allowed_origins_may_send_and_ask_before() -> None:
    parts = Parts()
    ours, theirs = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}

    async with serving(routes(parts, origins=("https://shop.example",))) as client:
        allowed = await client.options("/v1/batch", headers=ours)
        refused = await client.options("/v1/batch", headers=theirs)
        sent = await client.post("/v1/page", json=PAGE, headers=ours)

    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "content-type" in allowed.headers["access-control-allow-headers"]
    assert refused.status_code == 403
    assert sent.status_code == 204


async def test_an_address_that_asks_too_often_is_put_off() -> None:
    parts = Parts()

    async with serving(routes(parts, per_minute=2)) as client:
        answers = [await client.post("/v1/page", json=PAGE) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert len(parts.log.records) == 2


def dropped(reason: str) -> float:
    labels = {"collector": "clickstream", "reason": reason}
    return REGISTRY.get_sample_value("tocsin_collector_dropped_events_total", labels) or 0.0


@pytest.mark.parametrize(
    ("reason", "path", "body", "origin"),
    [
        ("write_key", "/v1/page", {"writeKey": "other"}, ""),
        ("origin", "/v1/page", PAGE, "https://elsewhere.example"),
        ("not_a_click", "/v1/batch", {"writeKey": "shop", "batch": ["nonsense"]}, ""),
    ],
)
async def test_what_is_refused_is_counted_by_its_reason(
    reason: str, path: str, body: object, origin: str
) -> None:
    parts = Parts()
    before = dropped(reason)

    async with serving(routes(parts, origins=("https://shop.example",))) as client:
        await client.post(path, json=body, headers={"Origin": origin} if origin else {})

    assert dropped(reason) == before + 1
    assert parts.log.events("events.click") == []


async def test_who_asks_too_often_is_counted() -> None:
    parts = Parts()
    before = dropped("rate_limit")

    async with serving(routes(parts, per_minute=1)) as client:
        for _ in range(3):
            await client.post("/v1/page", json=PAGE)

    assert dropped("rate_limit") == before + 2
    assert len(parts.log.events("events.click")) == 1
