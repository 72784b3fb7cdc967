"""The console in this process, over a database of its own, and browsers that use it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from fastapi import FastAPI

from pipeline.settings import BusSettings, PipelineSettings, StoreSettings
from web.app import create_app
from web.database.engine import Database
from web.dependencies import Console
from web.security.accounts import create_account
from web.security.audit import COMMAND_LINE
from web.security.roles import Role
from web.settings import WebSettings

PASSWORD = "a horse of correct staples"
# Nobody listens there: what needs a bus or a store is given a real one.
NOWHERE = PipelineSettings(
    bus=BusSettings(url="kafka://127.0.0.1:1"), store=StoreSettings(url="http://127.0.0.1:1")
)


@dataclass(slots=True)
class Clock:
    """A clock turned by hand."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        """What it shows."""
        return self.now

    def turn(self, **by: float) -> None:
        """Turn it forward, by the arguments of a timedelta."""
        self.now += timedelta(**by)


class Browser(httpx.AsyncClient):
    """A browser: keeps cookies, follows no redirect by itself, sends the page's CSRF token."""

    csrf = ""

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Fill in the form."""
        answer = await self.post("/login", data={"username": name, "password": password})
        if answer.status_code == 303:
            page = await self.get("/profile")
            found = re.search(r'name="csrf" value="([^"]+)"', page.text)
            self.csrf = found[1] if found else ""
        return answer

    async def submit(self, path: str, **values: str) -> httpx.Response:
        """Send a form with the CSRF token of its page."""
        return await self.post(path, data={"csrf": self.csrf, **values})


class TestedConsole:
    """A console, its clock, and an account for each role named like it (``viewer`` …).

    Attributes:
        app: The ASGI application.
        clock: What its database takes for now.
    """

    __test__ = False

    def __init__(
        self,
        directory: Path,
        pipeline: PipelineSettings = NOWHERE,
        rules: Sequence[Path] = (),
        **settings: object,
    ) -> None:
        self.settings = WebSettings.model_validate(
            {"database_url": f"sqlite:///{directory}/console.sqlite3", **settings}
        )
        self.pipeline = pipeline
        self.app: FastAPI = create_app(self.settings, pipeline, rules)
        self.clock = Clock()
        self.database.now = self.clock

    @property
    def console(self) -> Console:
        """What the application is made of."""
        found: Console = self.app.state.console
        return found

    @property
    def database(self) -> Database:
        """Its tables."""
        return self.console.database

    def account(self, role: Role, name: str = "") -> str:
        """Make an account with ``PASSWORD``; its name."""
        name = name or role.value
        create_account(self.database, name=name, role=role, actor=COMMAND_LINE, password=PASSWORD)
        return name

    def browser(self, *, address: str = "192.0.2.7") -> Browser:
        """A browser at an address; use it as an async context manager."""
        transport = httpx.ASGITransport(
            self.app, client=(address, 40_000), raise_app_exceptions=False
        )
        return Browser(transport=transport, base_url="http://console.test")


Make = Callable[..., TestedConsole]
