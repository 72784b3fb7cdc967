"""The tracker in a real browser: page views, clicks, navigation without pages, wishes kept."""

import http.server
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from pipeline.schema.event import Event
from tests.support.collectors import CollectorsProcess, events
from tests.support.peers import program
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

pytestmark = pytest.mark.peer("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TRACKS = "window.tocsin && typeof tocsin.track === 'function'"
PAGE = """<!doctype html><title>Shop</title>
<script async src="http://127.0.0.1:{port}/t.js" data-site="default"></script>
<a id="next" href="/next">Next  page</a>
<button class="buy big" onclick="history.pushState({{}}, '', '/bought')"><b>Buy</b> now</button>
<p>Nothing to click.</p>"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    """One broker for all tests; each looks at its own pages."""
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(scope="module")
def collectors(broker: StandaloneBroker) -> Iterator[CollectorsProcess]:
    """The collectors in front of it."""
    with CollectorsProcess(broker.address) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program("chromium"), args=ARGUMENTS, headless=True
        )
        yield started
        started.close()


@contextmanager
def website(ingest_port: int) -> Iterator[str]:
    """A site of two pages on an origin of its own."""

    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = PAGE.format(port=ingest_port).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def clicks(broker: StandaloneBroker, site: str) -> list[Event]:
    """The clicks of a website's pages."""
    return [
        event
        for event in events(broker.address, "events.click")
        if str(event.fields.get("url.full", "")).startswith(site)
    ]


def test_a_visit_is_told_as_it_happened(
    broker: StandaloneBroker, collectors: CollectorsProcess, browser: Browser
) -> None:
    with website(collectors.ports["http"]) as site:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{site}/start")
        page.wait_for_function(TRACKS)
        page.click("p")
        page.click("button")
        page.evaluate("tocsin.track('Signed Up', {plan: 'pro'})")
        page.click("#next")
        until(lambda: len(clicks(broker, site)) >= 6, "six clicks")
        context.close()
        found = clicks(broker, site)

    told = [(event.fields["click.event"], event.fields["url.full"]) for event in found]
    assert Counter(told) == Counter(
        [
            ("page", f"{site}/start"),
            ("click", f"{site}/start"),
            ("page", f"{site}/bought"),
            ("Signed Up", f"{site}/bought"),
            ("click", f"{site}/bought"),
            ("page", f"{site}/next"),
        ]
    )
    targets = {event.fields.get("click.target") for event in found} - {None}
    assert targets == {"button.buy Buy now", "a#next Next page"}
    assert len({event.fields["click.visitor"] for event in found}) == 1
    assert len({event.fields["click.session"] for event in found}) == 1
    assert {event.fields["source.ip"] for event in found} == {"127.0.0.1"}
    assert all("Chrome" in str(event.fields["user_agent.original"]) for event in found)
    (signed_up,) = [event for event in found if event.fields["click.event"] == "Signed Up"]
    assert signed_up.fields["click.properties.plan"] == "pro"


def test_another_visitor_is_another(
    broker: StandaloneBroker, collectors: CollectorsProcess, browser: Browser
) -> None:
    with website(collectors.ports["http"]) as site:
        for number in (1, 2):
            context = browser.new_context()
            context.new_page().goto(f"{site}/start")
            until(lambda number=number: len(clicks(broker, site)) >= number, "a page view")  # type: ignore[misc]
            context.close()
        found = clicks(broker, site)

    assert len({event.fields["click.visitor"] for event in found}) == 2


@pytest.mark.parametrize("wish", ["globalPrivacyControl", "doNotTrack"])
def test_who_asks_not_to_be_tracked_is_not(
    broker: StandaloneBroker, collectors: CollectorsProcess, browser: Browser, wish: str
) -> None:
    with website(collectors.ports["http"]) as site:
        context = browser.new_context()
        context.add_init_script(f"Object.defineProperty(navigator, '{wish}', {{get: () => '1'}})")
        page = context.new_page()
        page.goto(f"{site}/quiet")
        page.wait_for_function(TRACKS)
        page.click("button")
        other = browser.new_context()
        other.new_page().goto(f"{site}/loud")
        until(lambda: len(clicks(broker, site)) >= 1, "the other's page view")
        other.close()
        context.close()
        found = clicks(broker, site)

    assert [event.fields["url.full"] for event in found] == [f"{site}/loud"]
