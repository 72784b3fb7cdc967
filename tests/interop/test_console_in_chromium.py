"""A real browser signs in, obeys the content security policy, stays live and uses the keys."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.support.filled import Backends
from tests.support.served import Served, chromium, page_of, sign_in

pytestmark = pytest.mark.peer("chromium")
expect.set_options(timeout=30_000)


class Supervisor:
    """Tells the state of one role, as it is told to."""

    def __init__(self) -> None:
        self.state, self.restarts = "running", 0
        supervisor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                role = {"state": supervisor.state, "restarts": supervisor.restarts}
                body = json.dumps({"status": "ok", "roles": {"detections": role}}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="supervisor")
        self.url = f"http://127.0.0.1:{self._server.server_port}/healthz"

    def __enter__(self) -> "Supervisor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as made:
        yield made


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, supervisor: Supervisor) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("console")
    with (
        Backends(directory) as backends,
        Served(directory, backends.pipeline, status_url=supervisor.url) as served,
    ):
        yield served.address


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium() as browser, page_of(browser) as opened:
        yield opened


def test_somebody_signs_in_and_arrives_where_they_wanted(page: Page, address: str) -> None:
    sign_in(page, address)

    expect(page).to_have_url(f"{address}/pipeline")
    expect(page.get_by_text("Every event is accounted for.")).to_be_visible()


def test_a_wrong_password_is_announced_beside_its_field(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.get_by_label("Name", exact=True).fill("somebody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("Name and password do not match.")
    expect(page.get_by_label("Password")).to_be_focused()


def test_the_overview_is_live_under_the_policy_of_its_own_headers(page: Page, address: str) -> None:
    sign_in(page, address)
    page.goto(address)

    expect(page.locator("[data-live-word]")).to_have_text("Live")
    before = page.locator(".bar time").inner_text()
    expect(page.locator(".bar time")).not_to_have_text(before)
    expect(page.get_by_text("A critical thing happened")).to_be_visible()
    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()


def test_a_role_that_dies_and_comes_back_shows_on_the_open_page(
    page: Page, address: str, supervisor: Supervisor
) -> None:
    sign_in(page, address)
    role = page.get_by_role("row").filter(has_text="Detections").first
    expect(page.locator("[data-live-word]")).to_have_text("Live")
    expect(role).to_contain_text("Running")
    page.evaluate("window.drawnOnce = true")

    supervisor.state, supervisor.restarts = "restarting", 1
    expect(role).to_contain_text("Restarting")
    expect(page.get_by_role("link", name="Detections restarting")).to_be_visible()
    supervisor.state = "running"

    expect(role).to_contain_text("Running")
    expect(role.get_by_role("cell").nth(3)).to_have_text("1")
    expect(page.get_by_role("link", name="All 1 roles running")).to_be_visible()
    assert page.evaluate("window.drawnOnce")


def test_keys_lead_everywhere_and_rest_while_somebody_types(page: Page, address: str) -> None:
    sign_in(page, address)

    page.keyboard.type("gt")  # one call: the second letter is waited for 1.2 seconds
    page.wait_for_url(f"{address}/topics")

    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to or do")).to_be_focused()
    page.keyboard.type("notif")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/notifications")

    page.get_by_label("Name", exact=True).click()
    page.keyboard.type("go?")
    expect(page.get_by_label("Name", exact=True)).to_have_value("go?")
    expect(page).to_have_url(f"{address}/notifications")

    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()


def test_the_theme_is_the_account_s(page: Page, address: str) -> None:
    sign_in(page, address)
    page.goto(f"{address}/profile")
    page.get_by_role("button", name="Dark").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("main")).to_have_css("background-color", "rgb(19, 24, 26)")
