"""A real browser signs in, obeys the content security policy and uses the keys."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.console import PASSWORD
from tests.support.filled import Backends
from tests.support.ports import free_port
from web.app import run
from web.security.first_administrator import ensure_first_administrator
from web.settings import WebSettings

pytestmark = pytest.mark.peer("chromium")
expect.set_options(timeout=30_000)

ARGUMENTS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Served:
    """A console that serves on a free port from a thread of its own."""

    def __init__(self, settings: WebSettings, backends: Backends) -> None:
        self._settings, self._backends = settings, backends
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="console")
        self._task: asyncio.Task[None] | None = None

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(
            run(self._settings, self._backends.pipeline, [], ready=self._ready.set)
        )
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("console")
    settings = WebSettings(port=free_port(), database_url=f"sqlite:///{directory}/c.sqlite3")
    ensure_first_administrator(settings, PASSWORD)
    with Backends(directory) as backends, Served(settings, backends):
        yield f"http://127.0.0.1:{settings.port}"


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        opened = browser.new_page(viewport={"width": 1440, "height": 900})
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on(
            "console",
            lambda line: complaints.append(line.text) if line.type == "error" else None,
        )
        yield opened
        browser.close()
        expected = [line for line in complaints if "401" not in line and "403" not in line]
        assert expected == []


def _sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/pipeline")
    page.get_by_label("Name", exact=True).fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/pipeline")  # and for its scripts


def test_somebody_signs_in_and_arrives_where_they_wanted(page: Page, address: str) -> None:
    _sign_in(page, address)

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
    _sign_in(page, address)
    page.goto(address)

    expect(page.locator("[data-live-word]")).to_have_text("Live")
    before = page.locator(".bar time").inner_text()
    expect(page.locator(".bar time")).not_to_have_text(before)
    expect(page.get_by_text("A critical thing happened")).to_be_visible()
    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()


def test_keys_lead_everywhere_and_rest_while_somebody_types(page: Page, address: str) -> None:
    _sign_in(page, address)

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
    _sign_in(page, address)
    page.goto(f"{address}/profile")
    page.get_by_role("button", name="Dark").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("main")).to_have_css("background-color", "rgb(19, 24, 26)")
