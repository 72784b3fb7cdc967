"""The company's shop on an ordinary day: visitors' requests, their page views and clicks."""

import random
from collections.abc import Iterator
from datetime import datetime

import orjson

from appliance.demo.company import Company, Machine, randomness
from appliance.demo.hours import STEADY, VISITORS, moments, seconds
from appliance.demo.message import DemoMessage, Transport
from appliance.demo.web_logs import request

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/26.0 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
)
CRAWLER = "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example/about)"
PAGES = (
    ("/", "Start"),
    ("/catalog", "Catalog"),
    ("/catalog?page=2", "Catalog"),
    ("/product/1041", "Product 1041"),
    ("/product/1077", "Product 1077"),
    ("/product/1203", "Product 1203"),
    ("/search?q=blue+lamp", "Search"),
    ("/cart", "Cart"),
    ("/checkout", "Checkout"),
    ("/account", "Account"),
    ("/help/shipping", "Shipping"),
)
ASSETS = ("/static/site.css", "/static/site.js", "/static/logo.svg", "/favicon.ico")
BUTTONS = ("button#buy", "a.more", "button#search", "a.help", "button#pay")


def visits(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """Sessions of visitors, each some pages with what they load and report."""
    chance = randomness(seed, "web")
    for begin in moments(chance, start, end, 1_150, VISITORS):
        address = (
            f"198.{chance.choice((18, 19))}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        )
        agent = chance.choice(AGENTS)
        server = chance.choice(company.web_servers)
        visitor = f"{chance.getrandbits(64):016x}"
        session = f"{chance.getrandbits(64):016x}"
        time, referrer = begin, "-"
        for _ in range(chance.randrange(2, 9)):
            path, title = chance.choice(PAGES)
            yield from _page(chance, time, server, address, path, agent, referrer)
            url = f"https://www.{company.domain}{path}"
            yield _view(chance, time, url, title, referrer, visitor, session, agent)
            if chance.random() < 0.4:
                later = time + seconds(chance, 2, 15)
                yield _click(chance, later, url, title, visitor, session, agent)
            referrer = url
            time += seconds(chance, 16, 90)
            if time >= end:
                break


def _page(
    chance: random.Random,
    time: datetime,
    server: Machine,
    address: str,
    path: str,
    agent: str,
    referrer: str,
) -> Iterator[DemoMessage]:
    """A page and some of what belongs to it."""
    size = chance.randrange(4_000, 40_000)
    yield request(time, server, address, "GET", path, 200, size, agent, referrer=referrer)
    for asset in ASSETS[: chance.choice((0, 2, 3, 4))]:
        time += seconds(chance, 0.02, 0.3)
        fresh = chance.random() < 0.5
        status = 404 if asset == "/favicon.ico" else 200 if fresh else 304
        size = 0 if status == 304 else 153 if status == 404 else chance.randrange(900, 90_000)
        yield request(time, server, address, "GET", asset, status, size, agent)
    if path == "/account" and chance.random() < 0.3:
        refused = chance.random() < 0.2
        status = 401 if refused else 302
        yield request(time, server, address, "POST", "/login", status, 0, agent, referrer=referrer)


def crawlers(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """A search engine reads the shop, a monitor asks for the front page every minute."""
    chance = randomness(seed, "crawlers")
    robot = f"198.18.{chance.randrange(256)}.{chance.randrange(1, 255)}"
    for time in moments(chance, start, end, 900, STEADY):
        path = (
            "/robots.txt" if chance.random() < 0.05 else f"/product/{chance.randrange(900, 1400)}"
        )
        found = path == "/robots.txt" or chance.random() < 0.93
        status, size = (200, chance.randrange(3_000, 20_000)) if found else (404, 153)
        server = chance.choice(company.web_servers)
        yield request(time, server, robot, "GET", path, status, size, CRAWLER)


def _context(url: str, title: str, referrer: str, session: str, agent: str) -> dict[str, object]:
    page = {"url": url, "title": title, "referrer": "" if referrer == "-" else referrer}
    return {"page": page, "sessionId": session, "userAgent": agent}


def _view(
    chance: random.Random,
    time: datetime,
    url: str,
    title: str,
    referrer: str,
    visitor: str,
    session: str,
    agent: str,
) -> DemoMessage:
    """A page view, as a call of a Segment batch."""
    call = {
        "type": "page",
        "messageId": f"{chance.getrandbits(96):024x}",
        "timestamp": time.isoformat(timespec="milliseconds"),
        "anonymousId": visitor,
        "context": _context(url, title, referrer, session, agent),
        "properties": {"url": url, "title": title},
    }
    return DemoMessage(time, Transport.CLICK, "browsers", orjson.dumps(call))


def _click(
    chance: random.Random,
    time: datetime,
    url: str,
    title: str,
    visitor: str,
    session: str,
    agent: str,
) -> DemoMessage:
    """A click on something of a page, as a call of a Segment batch."""
    call = {
        "type": "track",
        "event": "click",
        "messageId": f"{chance.getrandbits(96):024x}",
        "timestamp": time.isoformat(timespec="milliseconds"),
        "anonymousId": visitor,
        "context": _context(url, title, "-", session, agent),
        "properties": {"url": url, "target": chance.choice(BUTTONS)},
    }
    return DemoMessage(time, Transport.CLICK, "browsers", orjson.dumps(call))
