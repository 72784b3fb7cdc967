"""A console that serves in this process, and a Chromium that uses it as somebody would."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from pipeline.settings import PipelineSettings
from tests.support.console import PASSWORD
from tests.support.peers import program
from web.app import run
from web.security.first_administrator import ensure_first_administrator
from web.settings import WebSettings

ARGUMENTS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
START_SECONDS = 60
STOP_SECONDS = 60


class Served:
    """A context manager: a console on a free port, in a thread of its own.

    Args:
        directory: Where its database lies.
        rules: Directories of rules.
        settings: Of the console, beyond those.

    Attributes:
        address: Where it serves.
    """

    def __init__(
        self,
        directory: Path,
        pipeline: PipelineSettings,
        rules: Sequence[Path] = (),
        **settings: object,
    ) -> None:
        self._settings = WebSettings.model_validate(
            {
                "port": _free_port(),
                "database_url": f"sqlite:///{directory}/console.sqlite3",
                **settings,
            }
        )
        self._pipeline, self._rules = pipeline, rules
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="console")
        self._task: asyncio.Task[None] | None = None
        self.address = f"http://127.0.0.1:{self._settings.port}"

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(
            run(self._settings, self._pipeline, self._rules, ready=self._ready.set)
        )
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.close()

    def __enter__(self) -> "Served":
        """Make the first administrator, and serve."""
        ensure_first_administrator(self._settings, PASSWORD)
        self._thread.start()
        assert self._ready.wait(START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Browser) -> Iterator[Page]:
    """A page that may complain of nothing but of what it is refused."""
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: complaints.append(line.text) if line.type == "error" else None,
        )
        yield page
        refusals = ("401", "403", "404", "422")
        unexpected = [
            line for line in complaints if not any(f"status of {code}" in line for code in refusals)
        ]
        assert unexpected == [], unexpected


def sign_in(page: Page, address: str, path: str = "/pipeline") -> None:
    """Sign in as the first administrator on the way to a page."""
    page.goto(f"{address}{path}")
    page.get_by_label("Name", exact=True).fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}{path}")  # and for its scripts
